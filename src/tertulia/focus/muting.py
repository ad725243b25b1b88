"""Who is kept quiet at the bridge, whatever its client does (signalling reference 6.1, 6.3).

Two things silence somebody: that the room does not let it send (`Occupant.may_send`: moderation of
audio and video, permissions), and that a moderator muted it, until it unmutes itself by a request.
Nobody is unmuted by another.

A bridge has one switch for all video of an endpoint. Which of camera and screen it is about, the
endpoint's SourceInfo tells: while it shares a screen the rule for screens holds, else the one for
cameras. A client that lies about it can pass a camera off as a screen if screens are allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from tertulia.focus.orders import AskOccupant
from tertulia.focus.participant import Occupant, Participant
from tertulia.rooms.rights import EVERY_KIND, MediaKind
from tertulia.xmpp import ns as NS
from tertulia.xmpp.colibri2 import EndpointOrder, ForceMute
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element

NAMESPACES = {
    NS.MUTE_AUDIO: MediaKind.AUDIO,
    NS.MUTE_VIDEO: MediaKind.VIDEO,
    NS.MUTE_DESKTOP: MediaKind.DESKTOP,
}
_NAMESPACE_OF = {kind: ns for ns, kind in NAMESPACES.items()}
_REMEMBERED = 1000  # people whose mutes outlast their visit


def wanted(participant: Participant) -> ForceMute:
    """What the bridge is to keep from the others now."""
    video = MediaKind.DESKTOP if participant.occupant.shares_screen else MediaKind.VIDEO
    return ForceMute(
        audio=_is_silent(participant, MediaKind.AUDIO), video=_is_silent(participant, video)
    )


def _is_silent(participant: Participant, kind: MediaKind) -> bool:
    return kind in participant.muted or kind not in participant.occupant.may_send


class Muting:
    """What one conference does about it."""

    def __init__(
        self,
        room: Jid,
        participants: Mapping[str, Participant],
        ask: Callable[[AskOccupant], None],
        tell_bridge: Callable[[Sequence[EndpointOrder]], bool],
    ) -> None:
        """
        Args:
            tell_bridge: False when there is none that could be told.
        """
        self._room = room
        self._participants = participants
        self._ask = ask
        self._tell_bridge = tell_bridge
        self.kept: dict[Jid, set[MediaKind]] = {}  # by bare JID, of people who are away

    def settle(self, participants: Iterable[Participant]) -> None:
        """Tell the bridge, in one request, what is new about any of them."""
        news = [
            each
            for each in participants
            if each.state.is_on_bridge and wanted(each) != each.silenced
        ]
        orders = [EndpointOrder(id=each.nick, force_mute=wanted(each)) for each in news]
        if orders and self._tell_bridge(orders):
            for each in news:
                each.silenced = wanted(each)

    def keep(self, participant: Participant) -> None:
        """Somebody goes: should it come back under the same address, it is as muted as it was."""
        if participant.muted:
            self.kept[participant.occupant.jid.bare] = participant.muted
            if len(self.kept) > _REMEMBERED:
                del self.kept[next(iter(self.kept))]

    def recall(self, newcomer: Participant) -> None:
        """Somebody comes, perhaps back: its client is told what a moderator has muted, and what it
        may not send, so that nobody takes it for somebody who can be heard."""
        newcomer.muted = self.kept.pop(newcomer.occupant.jid.bare, set())
        for kind in sorted(newcomer.muted | (EVERY_KIND - newcomer.occupant.may_send)):
            self._ask_to_mute(newcomer, kind, "")

    def mute(self, targets: Sequence[Participant], kind: MediaKind, by: str) -> None:
        """A moderator mutes people: the bridge sees to it, and their clients show it."""
        for each in targets:
            each.muted.add(kind)
            self._ask_to_mute(each, kind, by)
        self.settle(targets)

    def unmute(self, participant: Participant, kind: MediaKind) -> None:
        """Somebody unmutes itself; whether it may has been looked at."""
        participant.muted.discard(kind)
        self.settle((participant,))

    def occupant_changed(self, participant: Participant, now: Occupant) -> None:
        """Its presence is new: its role, what it may send, or whether it shares its screen."""
        self._changed(participant, now, "")
        self.settle((participant,))

    def rights_changed(self, may_send: Mapping[str, frozenset[MediaKind]], actor: str) -> None:
        """The room lets people send something else from now on.

        Args:
            may_send: by nickname.
            actor: the nickname of the moderator who changed that, "" for nobody.
        """
        for nick, kinds in may_send.items():
            participant = self._participants.get(nick)
            if participant is not None:
                self._changed(participant, replace(participant.occupant, may_send=kinds), actor)
        self.settle(self._participants.values())

    def _changed(self, participant: Participant, now: Occupant, actor: str) -> None:
        """Ask its client to stop what it may no longer send; the bridge does not wait for that."""
        before, participant.occupant = participant.occupant, now
        for kind in sorted(before.may_send - now.may_send):
            self._ask_to_mute(participant, kind, actor)

    def _ask_to_mute(self, participant: Participant, kind: MediaKind, by: str) -> None:
        """Stock clients obey it when it comes from the focus, and do not answer."""
        actor = self._room.with_resource(by or "focus")
        order = Element("mute", {"actor": str(actor)}, "true", ns=_NAMESPACE_OF[kind])
        self._ask(AskOccupant(nick=participant.nick, payload=order))
