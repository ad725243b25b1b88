"""Secrets of letters and digits, which is what ICE (RFC 8839 §5.4) and URLs carry."""

from __future__ import annotations

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits


def random_text(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
