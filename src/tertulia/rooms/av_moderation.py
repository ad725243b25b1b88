"""Who asks before speaking: moderation of audio, video and screens (signalling reference 6.3).

While it is on for a kind of media, only moderators and those they approve may send it. This part
keeps and tells the rule; the focus asks it (`may_send`) and has the bridge enforce it.

A breakout room begins with the rule of its main room and follows its changes, so that nobody gets
around it by going there; moderators inside may switch it off in that room alone, and the metadata
key `breakoutsFree` has groups talk without asking (decision 39).

A microphone, camera or screen that the room keeps for presenters or moderators (`rooms.rights`) is
told in the same words, since stock clients have no others: as moderation that is on, with the
presenters approved. They would else speak to nobody without seeing why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import msgspec

from tertulia.errors import MalformedInput
from tertulia.rooms.metadata import RoomMetadata
from tertulia.rooms.occupant import Occupant, Role
from tertulia.rooms.parts import Part, addresses, moderators, people, require_moderator
from tertulia.rooms.rights import EVERY_KIND, OF_MEDIA, Feature, Level, MediaKind
from tertulia.rooms.room import Room
from tertulia.xmpp.errors import BadRequest, ItemNotFound
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element

_TYPE = "av_moderation"
FREE = "breakoutsFree"  # of the metadata; true: who is in a breakout room need not ask


# Has a feature of a meeting be for everybody; whoever keeps the permissions does that.
OpenFeature = Callable[[Room, Feature, Occupant], None]


class _State(msgspec.Struct, forbid_unknown_fields=True):
    """What is known of one room."""

    enabled: set[MediaKind] = msgspec.field(default_factory=set)
    # kind -> nickname -> bare JID: who takes over the nickname is not meant
    approved: dict[MediaKind, dict[str, str]] = msgspec.field(default_factory=dict)
    told: set[MediaKind] = msgspec.field(default_factory=set)  # what everybody takes for being on
    presenters: set[str] = msgspec.field(default_factory=set)  # who is told to be one, by nickname
    is_free: bool = False  # of a main room: who is in a breakout room need not ask


class AvModeration(Part):
    """Enabled kinds and approved people of every room."""

    name: ClassVar[str] = _TYPE

    def __init__(
        self, domain: str, on_rights: Callable[[Jid, str], None] = lambda room, actor: None
    ) -> None:
        """
        Args:
            on_rights: told the room, and the nickname of who did it ("" for nobody), when the
                answers of `may_send` have changed for anybody.
        """
        super().__init__(domain)
        self.on_rights = on_rights
        # Has a feature of a meeting be for everybody; whoever keeps the permissions sets it.
        self.open_feature: Callable[[Room, Feature, Occupant], None] = lambda room, feature, by: (
            None
        )
        self._states: dict[Jid, _State] = {}

    def added(self) -> None:
        metadata = self.parts.part(RoomMetadata.name)
        if isinstance(metadata, RoomMetadata):
            metadata.rules[FREE] = _true_or_false
            metadata.on_key.append(self._freed)

    # What the focus asks

    def may_send(self, room: Jid, nick: str) -> frozenset[MediaKind]:
        """The kinds that may be sent now under this nickname; all of them in unknown rooms."""
        known = self.parts.room(room)
        occupant = None if known is None else known.occupant(nick)
        if known is None or occupant is None:
            return EVERY_KIND
        return frozenset(kind for kind in MediaKind if self._may_send(known, occupant, kind))

    def _may_send(self, room: Room, occupant: Occupant, kind: MediaKind) -> bool:
        if occupant.role is Role.MODERATOR or room.is_internal(occupant.jid):
            return True
        state = self._states.get(room.jid)
        if state is not None and _is_approved(state, occupant, kind):
            return True
        is_on = state is not None and kind in state.enabled
        return not is_on and room.permits(occupant, OF_MEDIA[kind])

    def rights_changed(self, main: Room, actor: str = "") -> None:
        """Permissions or presenters of a meeting have changed, which count here too."""
        for room in self.parts.family(main):
            state = self._states.setdefault(room.jid, _State())
            self._tell_kinds(room, state, actor)
            self._tell_presenters(room, state)
            self.touched(room)
            self.on_rights(room.jid, actor)

    def _moderated(self, room: Room, state: _State) -> set[MediaKind]:
        """The kinds that not everybody may send."""
        levels = (room.main or room).permissions
        kept = {k for k, each in OF_MEDIA.items() if levels.of(each) is not Level.EVERYBODY}
        return state.enabled | kept

    def _tell_kinds(self, room: Room, state: _State, actor: str) -> None:
        """Tell everybody which kinds are moderated from now on, and which no longer."""
        kinds = self._moderated(room, state)
        for kind in sorted(kinds ^ state.told):
            facts = {"actor": f"{room.jid}/{actor}"} if actor else {}
            news = _about(room, kind, enabled=kind in kinds, **facts)
            self.tell(addresses(room.occupants()), news)
            state.approved.pop(kind, None)  # each time begins anew
        if kinds - state.told:
            state.presenters = set()  # they are told of the new kinds too
        state.told = kinds

    def _tell_presenters(self, room: Room, state: _State) -> None:
        """Those who may send what the others may not are told so, and when that is over."""
        now = {each.nick for each in people(room) if room.is_presenter(each)}
        for nick in now ^ state.presenters:
            occupant = room.occupant(nick)
            if occupant is not None and occupant.role is not Role.MODERATOR:
                self._tell_own(room, state, occupant)
        state.presenters = now

    def _tell_own(self, room: Room, state: _State, occupant: Occupant) -> None:
        for kind in sorted(state.told):
            fact = "approved" if self._may_send(room, occupant, kind) else "removed"
            self.tell((occupant.jid,), _about(room, kind, **{fact: True}))

    # Notices

    def opened(self, room: Room) -> None:
        state = _State()
        if room.main is not None:
            state.enabled = self._for_breakouts(room.main)
        state.told = self._moderated(room, state)
        if state.told:
            self._states[room.jid] = state

    def entered(self, room: Room, newcomer: Occupant) -> None:
        state = self._states.get(room.jid)
        if state is None:
            return
        for kind in sorted(state.told):
            self.tell((newcomer.jid,), _about(room, kind, enabled=True))
        if newcomer.role is Role.MODERATOR:
            self._tell_lists(room, state, (newcomer,))
        elif room.is_presenter(newcomer):
            state.presenters.add(newcomer.nick)
            self._tell_own(room, state, newcomer)

    def changed(self, room: Room, before: Occupant, now: Occupant) -> None:
        if before.role is now.role:
            return
        state = self._states.get(room.jid)
        if state is not None and now.role is Role.MODERATOR:
            self._tell_lists(room, state, (now,))
        self.on_rights(room.jid, "")

    def left(self, room: Room, occupant: Occupant) -> None:
        """Who leaves gives up the floor; who goes to a breakout room keeps it."""
        state = self._states.get(room.jid)
        if state is None or room.holds(occupant.jid):
            return
        for kind in MediaKind:
            if state.approved.get(kind, {}).pop(occupant.nick, None) is not None:
                self._tell_list(room, state, kind, moderators(room), removed=True)
                self.touched(room)

    def ended(self, room: Room) -> None:
        self._states.pop(room.jid, None)

    # Requests

    def message(self, room: Room, sender: Occupant, stanza: Element) -> None:
        request = stanza.find(_TYPE, "*")
        if request is None:
            raise BadRequest("an <av_moderation/> was expected")
        require_moderator(sender)
        try:
            kind = MediaKind(request.get("mediaType"))
        except ValueError:
            raise BadRequest(f"a mediaType is one of: {', '.join(MediaKind)}") from None
        asked = [k for k in ("enable", "jidToWhitelist", "jidToBlacklist") if k in request.attrs]
        if len(asked) != 1:
            raise BadRequest("one thing at a time: enable, jidToWhitelist or jidToBlacklist")
        value = request.get(asked[0])
        if asked == ["enable"]:
            if value not in ("true", "false"):
                raise BadRequest("enable is true or false")
            self._enable(room, sender, kind, is_on=value == "true")
        elif asked == ["jidToWhitelist"]:
            self._approve(room, sender, kind, _named(room, value))
        else:
            self._reject(room, sender, kind, _named(room, value))

    def _enable(self, room: Room, actor: Occupant, kind: MediaKind, *, is_on: bool) -> None:
        """Switching it off also opens what the room kept for some: stock clients see one switch."""
        state = self._states.setdefault(room.jid, _State())
        if (kind in (state.enabled if is_on else state.told)) == is_on:
            return
        if is_on:
            state.enabled.add(kind)
            if kind in state.told:  # only presenters notice a difference
                state.presenters = set()
                self._tell_presenters(room, state)
        else:
            state.enabled.discard(kind)
            if kind in self._moderated(room, state):
                self._follow(room, actor.nick, {kind})
                self.open_feature(room.main or room, OF_MEDIA[kind], actor)
                return
        self._tell_kinds(room, state, actor.nick)
        self._changed(room, actor)
        self._follow(room, actor.nick, {kind})

    # Breakout rooms

    def _for_breakouts(self, main: Room) -> set[MediaKind]:
        """The kinds for which one has to ask in a breakout room, too."""
        state = self._states.get(main.jid)
        return set() if state is None or state.is_free else set(state.enabled)

    def _follow(self, main: Room, actor: str, kinds: Iterable[MediaKind]) -> None:
        """Have the rule for some kinds hold in the open breakout rooms of a main room."""
        wanted = self._for_breakouts(main)
        for room in self.parts.family(main)[1:]:
            state = self._states.setdefault(room.jid, _State())
            state.enabled = (state.enabled - set(kinds)) | (wanted & set(kinds))
            by = actor if room.occupant(actor) is not None else ""
            self._tell_kinds(room, state, by)
            self.touched(room)
            self.on_rights(room.jid, by)

    def _freed(self, main: Room, key: str, data: Any) -> None:
        if key == FREE:
            self._states.setdefault(main.jid, _State()).is_free = data is True
            self._follow(main, "", EVERY_KIND)
            self.touched(main)

    # One person

    def _approve(self, room: Room, actor: Occupant, kind: MediaKind, whom: Occupant) -> None:
        """While moderation is off this only invites the person to unmute."""
        state = self._states.get(room.jid)
        if state is not None and kind in state.told:
            state.approved.setdefault(kind, {})[whom.nick] = str(whom.jid.bare)
            self._tell_list(room, state, kind, moderators(room))
            self._changed(room, actor)
        self.tell((whom.jid,), _about(room, kind, approved=True))

    def _reject(self, room: Room, actor: Occupant, kind: MediaKind, whom: Occupant) -> None:
        state = self._states.get(room.jid)
        if state is not None and state.approved.get(kind, {}).pop(whom.nick, None) is not None:
            self._tell_list(room, state, kind, moderators(room), removed=True)
            self._changed(room, actor)
        self.tell((whom.jid,), _about(room, kind, removed=True))

    def _changed(self, room: Room, actor: Occupant) -> None:
        self.touched(room)
        self.on_rights(room.jid, actor.nick)

    # What moderators are told

    def _tell_lists(self, room: Room, state: _State, to: Iterable[Occupant]) -> None:
        for kind in sorted(state.told):
            if state.approved.get(kind):
                self._tell_list(room, state, kind, to)

    def _tell_list(
        self,
        room: Room,
        state: _State,
        kind: MediaKind,
        to: Iterable[Occupant],
        *,
        removed: bool = False,
    ) -> None:
        here = [
            f"{room.jid}/{each.nick}" for each in people(room) if _is_approved(state, each, kind)
        ]
        news = _about(room, kind, whitelists={kind.value: here})
        self.tell(addresses(to), {**news, "removed": True} if removed else news)

    # What survives

    def dump(self, room: Room) -> Any:
        state = self._states.get(room.jid)
        return None if state is None else msgspec.to_builtins(state)

    def load(self, room: Room, state: Any) -> None:
        self._states[room.jid] = msgspec.convert(state, _State)


def _true_or_false(room: Room, data: Any) -> None:
    if not isinstance(data, bool | None):
        raise BadRequest(f"{FREE} is true or false")


def _is_approved(state: _State, occupant: Occupant, kind: MediaKind) -> bool:
    return state.approved.get(kind, {}).get(occupant.nick) == str(occupant.jid.bare)


def _about(room: Room, kind: MediaKind, **facts: Any) -> dict[str, Any]:
    return {"type": _TYPE, "room": str(room.jid), "mediaType": kind.value, **facts}


def _named(room: Room, text: str) -> Occupant:
    """The occupant with this address in the room. Raises: BadRequest, ItemNotFound."""
    try:
        jid = Jid.parse(text)
    except MalformedInput:
        raise BadRequest("the occupant is not an address") from None
    found = room.occupant(jid.resource) if jid.bare == room.jid else None
    if found is None or room.is_focus(found.jid):
        raise ItemNotFound("nobody of that name is in the room")
    return found
