"""Short-lived tokens: what somebody in a room shows to the web part (signalling reference 1.11).

A token is a random word that only this process knows the meaning of, so it cannot be forged, and a
restart ends it. Whoever uses one is looked up in the room again: who was removed has nothing of it.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass

from tertulia.xmpp.errors import NotAuthorized
from tertulia.xmpp.jid import Jid

_MOST = 20_000  # the oldest goes first


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Who may do something with a meeting, until when (seconds since the epoch)."""

    service: str
    room: Jid
    meeting_id: str
    jid: Jid  # the real full one
    until: float
    subject: str = ""  # a file's id


class ShortLivedTokens:
    def __init__(self) -> None:
        self._grants: OrderedDict[str, Grant] = OrderedDict()

    def give(self, grant: Grant) -> str:
        token = secrets.token_urlsafe(24)
        self._grants[token] = grant
        while len(self._grants) > _MOST:
            self._grants.popitem(last=False)
        return token

    def redeem(self, token: str, service: str, meeting_id: str, now: float) -> Grant:
        """Raises: NotAuthorized."""
        grant = self._grants.get(token)
        if grant is not None and now >= grant.until:
            del self._grants[token]
            grant = None
        if grant is None or grant.service != service:
            raise NotAuthorized("the token is not known here, or no longer")
        if meeting_id and grant.meeting_id != meeting_id:
            raise NotAuthorized("the token is for another meeting")
        return grant

    def forget(self, meeting_id: str, service: str) -> None:
        """The meeting is over."""
        gone = [
            token
            for token, grant in self._grants.items()
            if grant.meeting_id == meeting_id and grant.service == service
        ]
        for token in gone:
            del self._grants[token]
