"""Secrets of letters and digits, which is what ICE (RFC 8839 §5.4) and URLs carry."""

from __future__ import annotations

import secrets
import string

_ALPHABET = (string.ascii_letters + string.digits).encode()
# A byte stands for a letter; those of the last, incomplete round would favour some: left out.
_LETTERS = bytes(_ALPHABET[byte % len(_ALPHABET)] for byte in range(256))
_UNFAIR = bytes(range(256 - 256 % len(_ALPHABET), 256))


def random_text(length: int) -> str:
    """So many letters and digits, all equally likely."""
    text = b""
    while len(text) < length:  # once or twice: one call of the system, not one for each letter
        text += secrets.token_bytes(length + 8).translate(_LETTERS, _UNFAIR)
    return text[:length].decode()
