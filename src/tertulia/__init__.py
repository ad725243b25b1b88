"""Tertulia: a whole Jitsi-compatible meeting system in one program."""

__version__ = "0.1.0"
