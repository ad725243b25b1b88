"""How a key of the configuration is declared: with its default, its meaning and its rule."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from tertulia.setting_rules import Rule


def key(default: Any, meaning: str, rule: Rule | None = None) -> Any:
    """Declare one key of the tree: its default, what it means, what it must satisfy."""
    return field(default=default, metadata={"meaning": meaning, "rule": rule})
