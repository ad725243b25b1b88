"""Requests for a conference over HTTP are those over XMPP, by somebody who has no address yet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from tertulia.accounts.entrance import Entrance
from tertulia.focus.component import Asked
from tertulia.focus.service import Focus
from tertulia.web.conference_requests import AskForConference
from tertulia.xmpp.errors import NotAuthorized
from tertulia.xmpp.router import Origin
from tertulia.xmpp.sasl import SaslFailure


def asking(
    focus: Focus, entrance: Entrance, prepare: Callable[[str], Awaitable[None]]
) -> AskForConference:
    """
    Args:
        prepare: waited for with the token of whoever asks.
    """

    async def ask(document: Any, origin: Origin) -> Mapping[str, Any]:
        asked = Asked.of_json(document)
        await prepare(origin.token)
        try:
            admission = entrance.admit("", origin, None)
        except SaslFailure as failure:
            raise NotAuthorized(str(failure)) from None
        return focus.reception.ask(asked, None, replace(origin, admission=admission)).as_json()

    return ask
