"""What the focus refuses in its own words."""

from __future__ import annotations

from typing import ClassVar

from tertulia.xmpp.errors import Refused


class Gone(Refused):
    """The session was replaced or has ended (reference bridge 5.3)."""

    error_type: ClassVar[str] = "cancel"
    condition: ClassVar[str] = "gone"
