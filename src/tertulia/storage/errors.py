"""What can go wrong with the database, in words an operator can act on."""

from __future__ import annotations

from tertulia.errors import TertuliaError


class StorageUnavailable(TertuliaError):
    """The database cannot be read or written now: locked, full, unreachable, damaged.

    The text says which; it is meant for operators and may be shown to whoever asked.
    """
