"""One MUC room (XEP-0045 §7): presence and messages in, what everybody gets to know out.

Without I/O and without a clock: times are passed in, in seconds since the epoch. Whoever calls
sends the deliveries in the order given. Nothing is changed when an error is raised.

The room knows the focus by its JID: it owns the room, has a nickname of its own, and does not count
as an occupant where people are counted.
"""

from __future__ import annotations

import hmac
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from tertulia.errors import PeerError
from tertulia.rooms import claims
from tertulia.rooms.absence import Absences
from tertulia.rooms.administration import AffiliationChange, Configuration, Kick
from tertulia.rooms.bans import Bans, Trace
from tertulia.rooms.chat import Chat, Line
from tertulia.rooms.errors import (
    AuthenticationRequired,
    Banned,
    DisplayNameRequired,
    MembersOnly,
    NicknameConflict,
    NicknameNotAllowed,
    NotInRoom,
    NotPermitted,
    PasswordRequired,
    RoomAndTokenMismatched,
    RoomDoesNotExist,
    RoomIsFull,
)
from tertulia.rooms.events import (
    BANNED,
    CONFIGURATION_CHANGED,
    KICKED,
    NON_ANONYMOUS,
    SELF_PRESENCE,
    Appeared,
    Delivery,
    Disappeared,
    Said,
)
from tertulia.rooms.hands import PROPERTY, Hands, lowers_hand
from tertulia.rooms.kept import KeptRoom
from tertulia.rooms.let_in import LetIn
from tertulia.rooms.limits import RoomLimits
from tertulia.rooms.occupant import Affiliation, Occupant, Role
from tertulia.rooms.policy import RoomPolicy
from tertulia.rooms.rights import STOCK_NAMES, Feature, Level, Permissions
from tertulia.xmpp import ns as NS
from tertulia.xmpp.admission import Admission
from tertulia.xmpp.errors import (
    BadRequest,
    Conflict,
    ItemNotFound,
    NotAllowed,
    ResourceConstraint,
)
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.pace import TokenBucket
from tertulia.xmpp.xml import Element

FOCUS_NICK = "focus"
# What a room that is taken back from a former process has from its maker, or takes back by itself.
_NOT_DUMPED = frozenset({"jid", "main", "_policy", "_limits", "_occupants", "_nicks", "_absences"})
SWITCH_ROOM = "switch_room"


def is_switching(farewell: Iterable[Element]) -> bool:
    """Whether somebody leaves for another room of the same meeting (signalling reference 4.7)."""
    return any(each.name == "status" and each.text == SWITCH_ROOM for each in farewell)


class Room:
    """The state of one room, and the rules by which it changes."""

    def __init__(self, jid: Jid, policy: RoomPolicy, *, meeting_id: str = "") -> None:
        self.jid = jid
        self.meeting_id = meeting_id or str(uuid.uuid4())
        self.created_ms: int | None = None  # when the second person joined
        self.configuration = Configuration()
        kept = policy.kept(jid)
        if kept is not None:
            self.configuration = Configuration(password=kept.password, members_only=kept.lobby)
        self.permissions = Permissions()
        self.presenters: dict[str, Jid] = {}  # nickname -> the bare JID it was given to
        self._hosts: set[Jid] = set()  # whose room it is, by its account: bare JIDs
        self.bans = Bans(policy.limits.bans)
        self._let_in = LetIn(policy.limits.affiliations)
        self._refused_names: dict[Jid, str] = {}
        self.subject = ""
        self._subject_nick = ""
        self._policy = policy
        self._limits = policy.limits
        self._occupants: dict[str, Occupant] = {}
        self._nicks: dict[Jid, str] = {}  # by real full JID
        self._absences = Absences(self._occupants.values, self.is_focus)
        self._affiliations: dict[Jid, Affiliation] = {}  # lasting ones, by bare JID
        self._elected: Jid | None = None  # owner only as long as it is here
        # Who came as a moderator has had its affiliation; what others made of it then counts.
        self._welcomed: OrderedDict[Jid, None] = OrderedDict()
        self.chat = Chat(policy.limits)
        self.hands = Hands()
        self._tries: dict[Jid, TokenBucket] = {}
        # A breakout room has a main room: who enters, who moderates and which nicknames are taken
        # is decided there. The main room knows who is in its breakout rooms or on the way to one
        # (nicknames by bare JID), and lasts as long as they do.
        self.main: Room | None = None
        self.has_breakouts = False
        self.elsewhere: dict[Jid, str] = {}
        self.ended_because = ""

    # Who is here

    @property
    def kept(self) -> KeptRoom | None:
        """What is laid down for it whether or not anybody is here, if anything is."""
        return self._policy.kept(self.jid)

    @property
    def is_empty(self) -> bool:
        return not self._occupants

    @property
    def is_over(self) -> bool:
        """Nobody is here, and nobody in its breakout rooms either."""
        return not self._occupants and not self.elsewhere

    @property
    def people(self) -> int:
        """How many occupants there are without the focus."""
        return len(self._occupants) - self.has_focus

    @property
    def has_focus(self) -> bool:
        return FOCUS_NICK in self._occupants

    def occupants(self) -> list[Occupant]:
        """In the order in which they came."""
        return list(self._occupants.values())

    def occupant(self, nick: str) -> Occupant | None:
        return self._occupants.get(nick)

    def occupant_of(self, jid: Jid) -> Occupant | None:
        """The occupant with this real full JID."""
        nick = self._nicks.get(jid)
        return None if nick is None else self._occupants[nick]

    def affiliation_of(self, jid: Jid) -> Affiliation:
        bare = jid.bare
        if bare in (self._policy.focus.bare, self._elected):
            return Affiliation.OWNER
        if self.main is not None:
            return self.main.affiliation_of(bare)
        return self._affiliations.get(bare, Affiliation.NONE)

    def affiliated(self, actor: Jid, affiliation: Affiliation) -> list[Jid]:
        """The bare JIDs with that affiliation; for owners only (XEP-0045 §9.5, §10.5)."""
        self._owner(actor)
        known = list(self._affiliations)
        if self._elected is not None:
            known.append(self._elected)
        known.append(self._policy.focus.bare)
        return [jid for jid in dict.fromkeys(known) if self.affiliation_of(jid) is affiliation]

    @property
    def lobby(self) -> str:
        """The address of its lobby, "" while there is none."""
        if not self.configuration.members_only or self.main is not None or not self._policy.lobbies:
            return ""
        return f"{self.jid.node}@{self._policy.lobbies}"

    @property
    def limits(self) -> RoomLimits:
        return self._limits

    def trace_of(self, jid: Jid) -> Trace:
        """What a real full JID is known by besides."""
        return self._policy.trace_of(jid)

    def keeps_away(self, jid: Jid, name: str) -> bool:
        """Whether somebody may not even knock: it was banned, as far as can be told."""
        is_outcast = self.affiliation_of(jid) is Affiliation.OUTCAST
        return is_outcast or self.bans.holds(jid, self.trace_of(jid), name)

    def holds(self, jid: Jid) -> bool:
        """Whether somebody is in the meeting: here or in a breakout room."""
        return jid in self._nicks or jid.bare in self.elsewhere

    def nick_of(self, jid: Jid) -> str:
        """The nickname of somebody in the meeting, "" of nobody."""
        return self._nicks.get(jid) or self.elsewhere.get(jid.bare, "")

    def let_in(self, jid: Jid) -> None:
        """A moderator lets somebody in who knocked: a member for as long as the meeting lasts."""
        bare = jid.bare
        if self.affiliation_of(bare) is Affiliation.NONE:
            if len(self._affiliations) >= self._limits.affiliations:
                raise ResourceConstraint("the room knows too many people (affiliations)")
            self._affiliations[bare] = Affiliation.MEMBER
        self._let_in.add(jid, self.trace_of(jid))

    def let_in_everybody(self) -> None:
        """Who is here when the lobby is opened comes back without knocking."""
        for jid in self._nicks:
            self._let_in.add(jid, self.trace_of(jid))

    def _was_let_in(self, jid: Jid) -> bool:
        return self.configuration.members_only and self._let_in.holds(jid, self.trace_of(jid))

    def permits(self, occupant: Occupant, feature: Feature) -> bool:
        """Whether somebody may use a feature now. The focus and internal accounts always may.

        What a token says of the feature by its stock name goes before what the room says.
        """
        if self.is_internal(occupant.jid):
            return True
        token, stock = occupant.admission.features, STOCK_NAMES.get(feature)
        said = None if token is None or stock is None else token.get(stock)
        if said is not None:
            return said
        match (self.main or self).permissions.of(feature):
            case _ if occupant.role is Role.MODERATOR:
                return True
            case Level.EVERYBODY:
                return True
            case Level.PRESENTERS:
                return self.is_presenter(occupant)
            case Level.MODERATORS:
                return False

    def is_presenter(self, occupant: Occupant) -> bool:
        """Whether a moderator has named it; somebody else who takes the nickname is not meant."""
        return (self.main or self).presenters.get(occupant.nick) == occupant.jid.bare

    def is_internal(self, jid: Jid) -> bool:
        """True of the focus, and of recorders and gateways, which have accounts of our own."""
        return jid.domain == self._policy.focus.domain

    # What survives a restart of the process

    def dump(self) -> dict[str, Any]:
        """Everything but the occupants and the main room. Plain objects of ours, to be pickled."""
        return {name: value for name, value in vars(self).items() if name not in _NOT_DUMPED}

    def load(self, state: dict[str, Any], occupants: Iterable[Occupant]) -> None:
        """Take back what `dump` gave, and those who were here, in the order in which they came."""
        vars(self).update({name: state[name] for name in vars(self).keys() & state.keys()})
        for each in occupants:
            self._occupants[each.nick] = each
            self._nicks[each.jid] = each.nick

    # Coming and going

    def join(
        self, jid: Jid, nick: str, stanza: Element, *, now: float, password: str = ""
    ) -> list[Delivery]:
        """Admit somebody (§7.2), or tell an occupant who joins again everything once more."""
        here = self.occupant_of(jid)
        if here is not None and here.nick != nick:
            raise NicknameNotAllowed("nicknames cannot be changed")
        admission = self._policy.admission_of(jid)
        is_focus = self.is_focus(jid)
        presence = claims.presence(stanza, nick, self._limits, is_focus=is_focus)
        if here is None:
            name = claims.name_in(presence)
            self._may_join(jid, nick, admission, name=name, password=password, now=now)
        presence = self.hands.stamped(nick, presence, now)
        if here is None and not is_focus:
            self._welcome(jid, admission)
            self._elect(jid, admission)
        newcomer = _tamed(
            Occupant(
                nick=nick,
                jid=jid,
                affiliation=self.affiliation_of(jid),
                presence=(*presence, *claims.identity(admission)),
                admission=admission,
            )
        )
        others = self._absences.visible(but=nick)
        self._occupants[nick] = newcomer
        self._nicks[jid] = nick
        if self.configuration.members_only and not is_focus:
            self._let_in.add(jid, self.trace_of(jid))
        self.elsewhere.pop(jid.bare, None)
        if self.created_ms is None and self.people >= 2:
            self.created_ms = int(now * 1000)
        # §7.1: clients take their own presence as the end of the list, so it comes last.
        return [
            *(Appeared(to=(jid,), occupant=each) for each in others),
            Appeared(to=tuple(each.jid for each in others), occupant=newcomer),
            Appeared(
                to=(jid,),
                occupant=newcomer,
                codes=(NON_ANONYMOUS, SELF_PRESENCE),
                stanza_id=stanza.get("id"),
                permissions=self._granted(newcomer),
            ),
            *(() if is_focus else self._history_for(jid, stanza)),
            self._subject_for((jid,)),
            *self._absences.sweep(),
        ]

    def hibernate(self, jid: Jid, *, now: float) -> list[Delivery]:
        """An occupant's client is gone and may come back: the others see it leave."""
        return self._absences.begin(self._occupant(jid), now)

    def wake(self, jid: Jid) -> list[Delivery]:
        """It is back in its seat, as what it was; it gets to know what it missed."""
        occupant = self._occupant(jid)
        since = self._absences.since(occupant.nick)
        told = self._absences.end(occupant, permissions=self._granted(occupant))
        missed = () if since is None else self.chat.since(int(since * 1000))
        return [*told, *self.told_again((jid,), missed), self._subject_for((jid,))]

    def is_hidden(self, occupant: Occupant) -> bool:
        """Whether the others believe that it has left."""
        return self._absences.is_hidden(occupant.nick)

    def _history_for(self, jid: Jid, join: Element) -> list[Delivery]:
        """What was said before (§7.2.13), unless the newcomer wants less of it."""
        muc = join.find("x", NS.MUC)
        wanted = None if muc is None else muc.find("history")
        most = "" if wanted is None else wanted.get("maxstanzas")
        newest = int(most) if most.isascii() and most.isdigit() and len(most) < 7 else None
        return self.told_again((jid,), self.chat.for_newcomer(newest))

    def told_again(self, to: tuple[Jid, ...], lines: Iterable[Line]) -> list[Delivery]:
        """Lines from the past, for those who were not here."""
        return [
            Said(to=to, kind="groupchat", children=children, nick=nick, stanza_id=stanza_id)
            for line in lines
            for nick, stanza_id, children in line.again(self.jid)
        ]

    def update(self, jid: Jid, nick: str, stanza: Element, *, now: float = 0.0) -> list[Delivery]:
        """Relay an occupant's new presence whole (§7.7)."""
        occupant = self._occupant(jid)
        if nick != occupant.nick:
            raise NicknameNotAllowed("nicknames cannot be changed")
        is_focus = self.is_focus(jid)
        presence = claims.presence(stanza, nick, self._limits, is_focus=is_focus)
        presence = self.hands.stamped(nick, presence, now)
        vouched = claims.identity(occupant.admission)
        deliveries: list[Delivery] = []
        name, wanted = claims.name_in(occupant.presence), claims.name_in(presence)
        if name and wanted != name and not self.permits(occupant, Feature.RENAME):
            # The rest of the presence counts all the same: it tells who is muted.
            presence = claims.renamed(presence, name)
            deliveries = self._refused_name(occupant, wanted)
        changed = _tamed(replace(occupant, presence=(*presence, *vouched)))
        self._occupants[nick] = changed
        return [*self._shown(changed, stanza_id=stanza.get("id")), *deliveries]

    def _refused_name(self, occupant: Occupant, wanted: str) -> list[Delivery]:
        """Tell it once: clients repeat their name with each presence."""
        if self._refused_names.get(occupant.jid) == wanted:
            return []
        self._refused_names[occupant.jid] = wanted
        text = Element("text", {}, "names are not changed in this meeting")
        error = Element("settings-error", {}, text, ns=NS.CLIENT)
        return [Said(to=(occupant.jid,), kind="error", children=(error,))]

    def leave(self, jid: Jid, stanza: Element | None = None) -> list[Delivery]:
        """Somebody goes (§7.14), with its last presence if it sent one."""
        occupant = self._occupant(jid)
        children: tuple[Element, ...] = ()
        if stanza is not None:
            try:
                children = claims.presence(stanza, occupant.nick, self._limits)
            except PeerError:
                children = ()  # whatever it said last, it leaves
            if self.has_breakouts and is_switching(children):
                self.elsewhere[occupant.jid.bare] = occupant.nick
        return self._removed(occupant, Disappeared(to=(), occupant=occupant, children=children))

    def _may_join(
        self, jid: Jid, nick: str, admission: Admission, *, name: str, password: str, now: float
    ) -> None:
        is_focus = self.is_focus(jid)
        affiliation = self.affiliation_of(jid)
        if not self._policy.may_enter(jid) or affiliation is Affiliation.OUTCAST:
            raise Banned("you may not enter this room")
        if affiliation is Affiliation.NONE and (self.main or self).keeps_away(jid, name):
            raise Banned("you were removed from this meeting and may not come back")
        if (nick.lower() == FOCUS_NICK) != is_focus or (is_focus and nick != FOCUS_NICK):
            raise NicknameNotAllowed("that nickname is reserved")
        if len(nick) > self._limits.nick_characters or not self._policy.nick.fullmatch(nick):
            raise NicknameNotAllowed("nicknames are letters, digits and underscores")
        if self._policy.needs_focus and not self.has_focus and not is_focus:
            raise RoomDoesNotExist
        if self._is_taken(nick, jid):
            raise NicknameConflict(nick)
        if is_focus:
            return
        if self.main is not None:
            self.main.may_visit(jid)
        elif not self._policy.may_join(admission) and not self.is_internal(jid):
            raise AuthenticationRequired
        elif not admission.is_for(self.jid.node):
            raise RoomAndTokenMismatched
        elif self._comes_as_owner(jid, admission):
            affiliation = Affiliation.OWNER
        is_known = affiliation.rank >= Affiliation.MEMBER.rank or self._was_let_in(jid)
        if not is_known and self._keeps_out(admission):
            self._bypass(jid, name, password, now)
        elif self.configuration.password and not self._needs_no_password(affiliation, is_known):
            self._check_password(jid, password, now)
        if self.people >= self._limits.occupants:
            raise RoomIsFull(self._limits.occupants)

    def _needs_no_password(self, affiliation: Affiliation, is_known: bool) -> bool:
        """Owners need none, nor who was let in from a lobby: it is not told the password."""
        return affiliation is Affiliation.OWNER or (is_known and self.configuration.members_only)

    def _bypass(self, jid: Jid, name: str, password: str, now: float) -> None:
        """Who knows the password need not knock (signalling reference 6.4); the others may."""
        if password and self.lobby and self.configuration.password:
            try:
                self._check_password(jid, password, now)
            except PasswordRequired:
                pass  # a wrong one is no better than none
            else:
                return
        if self.lobby and not name:
            raise DisplayNameRequired
        raise MembersOnly(self.lobby, waiting_for_host=not self._has_moderator())

    def _has_moderator(self) -> bool:
        return any(
            self.affiliation_of(jid).rank >= Affiliation.ADMIN.rank
            for jid in (*self._nicks, *self.elsewhere)
            if not self.is_focus(jid)
        )

    def _keeps_out(self, admission: Admission) -> bool:
        """Whether somebody without an affiliation has to stay outside, or to knock."""
        if self.kept is not None and self.kept.members_only:
            return not admission.is_authenticated
        return self.configuration.members_only

    def _is_taken(self, nick: str, jid: Jid) -> bool:
        """Whether somebody else of the meeting, breakout rooms included, goes by that name."""
        if nick in self._occupants:
            return True
        main = self.main or self
        there = main.occupant(nick) if main is not self else None
        return (there is not None and there.jid.bare != jid.bare) or any(
            name == nick and bare != jid.bare for bare, name in main.elsewhere.items()
        )

    def may_visit(self, jid: Jid) -> None:
        """Whether somebody may enter a breakout room of this room: those who are of it.

        Raises: NotPermitted.
        """
        bare = jid.bare
        if bare not in self.elsewhere and all(each.bare != bare for each in self._nicks):
            raise NotPermitted("breakout rooms are for those who came through the main room")

    def _check_password(self, jid: Jid, password: str, now: float) -> None:
        if not password:
            raise PasswordRequired
        tries = self._tries.get(jid.bare)
        if tries is None:
            per_minute = self._limits.password_tries_per_minute
            if len(self._tries) >= self._limits.affiliations:
                self._tries.pop(next(iter(self._tries)))
            tries = self._tries[jid.bare] = TokenBucket(per_minute / 60, per_minute, now)
        if not tries.take(now):
            raise ResourceConstraint("too many passwords tried (password_tries_per_minute)")
        if not hmac.compare_digest(password.encode(), self.configuration.password.encode()):
            raise PasswordRequired

    def _removed(self, occupant: Occupant, farewell: Disappeared) -> list[Delivery]:
        """Take an occupant out; tell the others first, then itself, then who moderates now."""
        deliveries = self._absences.stand_in(occupant)
        was_hidden = self.is_hidden(occupant)
        del self._occupants[occupant.nick]
        del self._nicks[occupant.jid]
        self._absences.forget(occupant.nick)
        self._refused_names.pop(occupant.jid, None)
        self.chat.gone(occupant.jid)
        self.hands.gone(occupant.nick)
        deliveries += [
            replace(farewell, to=() if was_hidden else self._everybody()),
            replace(farewell, to=(occupant.jid,), codes=(*farewell.codes, SELF_PRESENCE)),
        ]
        successor = self._succeed(occupant.jid)
        if successor is not None:
            deliveries += self._shown(successor)
        return deliveries

    # Who moderates

    def _comes_as_owner(self, jid: Jid, admission: Admission) -> bool:
        """Whether its login makes somebody an owner, and nobody here has said otherwise yet."""
        if jid.bare in self._welcomed:
            return False
        if self.kept is not None and self.kept.owner and admission.moderates is None:
            return admission.account == self.kept.owner
        return admission.is_moderator

    def readmit(self, jid: Jid) -> list[Delivery]:
        """More is known of an occupant than when it came: it has logged in meanwhile."""
        occupant = self._occupant(jid)
        admission = self._policy.admission_of(jid)
        if admission == occupant.admission:
            return []
        self._welcome(jid, admission)
        kept = tuple(each for each in occupant.presence if each.name != "identity")
        changed = replace(
            occupant,
            admission=admission,
            affiliation=self.affiliation_of(jid),
            presence=(*kept, *claims.identity(admission)),
        )
        self._occupants[occupant.nick] = changed
        return self._shown(changed)

    def _welcome(self, jid: Jid, admission: Admission) -> None:
        if self.main is not None or not self._comes_as_owner(jid, admission):
            return
        self._affiliations[jid.bare] = Affiliation.OWNER
        if self.kept is not None and self.kept.owner and admission.account == self.kept.owner:
            self._hosts.add(jid.bare)
        self._welcomed[jid.bare] = None
        if len(self._welcomed) > self._limits.affiliations:
            self._welcomed.popitem(last=False)

    @property
    def _elects(self) -> bool:
        """Whether one of those present becomes owner for want of another."""
        has_its_owner = self.kept is not None and bool(self.kept.owner)
        return self._policy.first_becomes_owner and self.main is None and not has_its_owner

    def _elect(self, jid: Jid, admission: Admission) -> None:
        """The first person becomes owner, so that every meeting has a moderator."""
        if self._elects and admission.may_be_elected and not self._has_owner():
            self._elected = jid.bare

    def _has_owner(self) -> bool:
        return any(
            self.affiliation_of(bare) is Affiliation.OWNER for bare in self.elsewhere
        ) or any(
            each.affiliation is Affiliation.OWNER
            for each in self._occupants.values()
            if not self.is_focus(each.jid)
        )

    def _succeed(self, left: Jid) -> Occupant | None:
        """When the last owner has left, the person who is here longest takes over."""
        is_here = left.bare in self.elsewhere or any(
            each.jid.bare == left.bare for each in self._occupants.values()
        )
        if left.bare == self._elected and not is_here:
            self._elected = None
        if not self._elects or self._has_owner():
            return None
        for each in self._occupants.values():
            if not self.is_focus(each.jid) and each.admission.may_be_elected:
                self._elected = each.jid.bare
                return self._reaffiliated(each)
        self._elected = next(iter(self.elsewhere), None)
        return None

    def forget_visitor(self, jid: Jid) -> list[Delivery]:
        """Somebody who was in a breakout room will not come back; it may have moderated."""
        if self.elsewhere.pop(jid.bare, None) is None:
            return []
        successor = self._succeed(jid)
        return [] if successor is None else self._shown(successor)

    def refreshed(self) -> list[Delivery]:
        """Show everybody whose affiliation is another now: it follows the main room."""
        deliveries: list[Delivery] = []
        for each in self.occupants():
            if each.affiliation is not self.affiliation_of(each.jid):
                deliveries += self._shown(self._reaffiliated(each))
        return deliveries

    def _reaffiliated(self, occupant: Occupant) -> Occupant:
        changed = _tamed(replace(occupant, affiliation=self.affiliation_of(occupant.jid)))
        self._occupants[occupant.nick] = changed
        return changed

    # What moderators and owners do

    def kick(self, actor: Jid, kick: Kick) -> list[Delivery]:
        """Remove an occupant (§8.2); its affiliation does not outlive it (reference 4.7)."""
        moderator, victim = self._may_kick(actor, kick)
        self._forget(victim.jid)
        (self.main or self)._let_in.forget(victim.jid)
        gone = replace(victim, affiliation=Affiliation.NONE)
        reason = kick.reason[: self._limits.reason_characters]
        return self._removed(
            victim,
            Disappeared(to=(), occupant=gone, codes=(KICKED,), actor=moderator.nick, reason=reason),
        )

    def _may_kick(self, actor: Jid, kick: Kick) -> tuple[Occupant, Occupant]:
        moderator = self._occupant(actor)
        victim = self._occupants.get(kick.nick)
        if moderator.affiliation.rank < Affiliation.ADMIN.rank:
            raise NotPermitted("only moderators remove people")
        if victim is None:
            raise ItemNotFound("no such nickname")
        if self.is_focus(victim.jid):
            raise NotAllowed("the focus stays")
        if victim.affiliation.rank > moderator.affiliation.rank:
            raise NotAllowed("that occupant has a higher affiliation")
        self._spare_hosts(actor, victim.jid)
        return moderator, victim

    def _spare_hosts(self, actor: Jid, whom: Jid) -> None:
        """Whose room it is, is not removed by those whom it made owners (decision 34)."""
        hosts = (self.main or self)._hosts
        if whom.bare in hosts and actor.bare not in hosts and not self.is_focus(actor):
            raise NotAllowed("the room is theirs")

    def administer(self, actor: Jid, changes: Sequence[AffiliationChange | Kick]) -> list[Delivery]:
        """Carry out the items of one muc#admin request: all of them, or none."""
        for change in changes:
            if isinstance(change, Kick):
                self._may_kick(actor, change)
            else:
                self._may_affiliate(actor, change)
        deliveries: list[Delivery] = []
        for change in changes:
            if isinstance(change, AffiliationChange):
                deliveries += self._affiliate(actor, change)
            elif change.nick in self._occupants:  # the same one may be named twice
                deliveries += self.kick(actor, change)
        return deliveries

    def _may_affiliate(self, actor: Jid, change: AffiliationChange) -> None:
        """Owners change everything (§5.2); admins what is below them (decision 34)."""
        moderator = self._occupant(actor)
        bare = change.jid.bare
        rank = moderator.affiliation.rank
        if rank < Affiliation.ADMIN.rank:
            raise NotPermitted("only moderators change what others are")
        highest = max(change.affiliation.rank, self.affiliation_of(bare).rank)
        if moderator.affiliation is not Affiliation.OWNER and highest >= rank:
            raise NotPermitted("only owners make moderators, or take that from them")
        if bare == self._policy.focus.bare:
            raise NotAllowed("the focus owns the room")
        if change.affiliation is not Affiliation.OWNER:
            self._spare_hosts(actor, bare)
        if len(self._affiliations) >= self._limits.affiliations and bare not in self._affiliations:
            raise ResourceConstraint("the room knows too many people (affiliations)")
        if change.affiliation is not Affiliation.OWNER and not self.is_focus(actor):
            owners = {
                each.jid.bare
                for each in self._occupants.values()
                if each.affiliation is Affiliation.OWNER and not self.is_focus(each.jid)
            }
            if owners == {bare}:
                raise Conflict("a room keeps one owner")  # §10.4

    def _affiliate(self, actor: Jid, change: AffiliationChange) -> list[Delivery]:
        bare = change.jid.bare
        self._forget(bare)
        (self.main or self).bans.lift(bare)
        if change.affiliation is not Affiliation.NONE:
            (self.main or self)._affiliations[bare] = change.affiliation
        deliveries: list[Delivery] = []
        for each in [o for o in self._occupants.values() if o.jid.bare == bare]:
            changed = self._reaffiliated(each)
            if change.affiliation is Affiliation.OUTCAST:
                trace, name = self._policy.trace_of(each.jid), claims.name_in(each.presence)
                (self.main or self).bans.add(bare, trace, name)
                (self.main or self)._let_in.forget(bare)
                moderator = self._occupant(actor).nick
                reason = change.reason[: self._limits.reason_characters]
                farewell = Disappeared(
                    to=(), occupant=changed, codes=(BANNED,), actor=moderator, reason=reason
                )
                deliveries += self._removed(changed, farewell)
            else:
                deliveries += self._shown(changed)
        return deliveries

    def _forget(self, jid: Jid) -> None:
        if self.main is not None:
            self.main._forget(jid)
        self._affiliations.pop(jid.bare, None)
        self._hosts.discard(jid.bare)
        if self._elected == jid.bare:
            self._elected = None

    def configure(self, actor: Jid, configuration: Configuration) -> list[Delivery]:
        """Owners change the room (§10.2); everybody is told that something changed."""
        self._owner(actor)
        if len(configuration.password) > self._limits.password_characters:
            raise BadRequest("the password is too long (password_characters)")
        self.configuration = configuration
        kept = self.kept
        if kept is not None:
            kept = replace(kept, password=configuration.password, lobby=configuration.members_only)
            self._policy.keep(self.jid, kept)
        status = Element("status", {"code": str(CONFIGURATION_CHANGED)})
        notice = Element("x", {}, status, ns=NS.MUC_USER)
        return [Said(to=self._everybody(), kind="groupchat", children=(notice,))]

    def may_configure(self, actor: Jid) -> Occupant:
        """Raises: NotPermitted, NotInRoom."""
        return self._owner(actor)

    def destroy(self, actor: Jid, *, reason: str = "", alternate: str = "") -> list[Delivery]:
        """An owner ends the room (§10.9): everybody is sent away."""
        self._owner(actor)
        return self.dissolve(reason=reason, alternate=alternate)

    def dissolve(self, *, reason: str = "", alternate: str = "") -> list[Delivery]:
        """The server ends the room: everybody is sent away, from its breakout rooms too."""
        reason = reason[: self._limits.reason_characters]
        deliveries: list[Delivery] = [
            Disappeared(
                to=(each.jid,),
                occupant=replace(each, affiliation=Affiliation.NONE),
                codes=(SELF_PRESENCE,),
                reason=reason,
                destroyed=True,
                alternate=alternate,
            )
            for each in self._occupants.values()
        ]
        for nick in self._occupants:
            self._absences.forget(nick)
        self._occupants.clear()
        self._nicks.clear()
        self.elsewhere.clear()
        self.ended_because = reason
        return deliveries

    # What is said

    def say(self, jid: Jid, stanza: Element, *, now: float) -> list[Delivery]:
        """A message to everybody, the sender included, with the same id (§7.4)."""
        speaker = self._occupant(jid)
        children = claims.message(stanza, self._limits, is_focus=self.is_focus(jid))
        subject = stanza.find("subject")
        if subject is not None and stanza.find("body") is None:
            return self._change_subject(speaker, subject.text)
        is_allowed = self.permits(speaker, Feature.CHAT)
        self._check_chat(speaker, children, now, is_allowed=is_allowed)
        stanza_id = _message_id(stanza)
        if not self.is_focus(jid):
            self.chat.said(speaker, stanza_id, children, now)
        return [
            Said(
                to=self._everybody(),
                kind="groupchat",
                children=children,
                nick=speaker.nick,
                stanza_id=stanza_id,
            )
        ]

    def whisper(self, jid: Jid, nick: str, stanza: Element, *, now: float) -> list[Delivery]:
        """A message to one occupant (§7.5)."""
        speaker = self._occupant(jid)
        listener = self._occupants.get(nick)
        if listener is None or self.is_hidden(listener):
            raise ItemNotFound("no such nickname")
        children = claims.message(stanza, self._limits, is_focus=self.is_focus(jid))
        is_allowed = listener.role is Role.MODERATOR or self.permits(speaker, Feature.PRIVATE_CHAT)
        self._check_chat(speaker, children, now, is_allowed=is_allowed)
        whispered = Said(
            to=(listener.jid,),
            kind="chat",
            children=children,
            nick=speaker.nick,
            stanza_id=_message_id(stanza),
        )
        if not lowers_hand(children):
            return [whispered]
        if speaker.role is not Role.MODERATOR:
            raise NotPermitted("only moderators lower the hands of others")
        return [whispered, *self._lower_hand(listener)]

    def _lower_hand(self, occupant: Occupant) -> list[Delivery]:
        if not self.hands.lower(occupant.nick):
            return []
        presence = tuple(each for each in occupant.presence if each.name != PROPERTY)
        changed = self._occupants[occupant.nick] = replace(occupant, presence=presence)
        return self._shown(changed)

    def _check_chat(
        self, speaker: Occupant, children: tuple[Element, ...], now: float, *, is_allowed: bool
    ) -> None:
        if not self.is_focus(speaker.jid):
            self.chat.check(speaker, children, now, is_allowed=is_allowed)

    def _change_subject(self, speaker: Occupant, subject: str) -> list[Delivery]:
        if speaker.affiliation.rank < Affiliation.ADMIN.rank:
            raise NotPermitted("only moderators change the subject")
        if len(subject) > self._limits.subject_characters:
            raise BadRequest("the subject is too long (subject_characters)")
        self.subject = subject
        self._subject_nick = speaker.nick
        return [self._subject_for(self._everybody())]

    def retitled(self, subject: str) -> list[Delivery]:
        """The server changes the subject."""
        self.subject, self._subject_nick = subject, ""
        return [self._subject_for(self._everybody())]

    def _subject_for(self, to: tuple[Jid, ...]) -> Said:
        subject = Element("subject", {}, *([self.subject] if self.subject else []), ns=NS.CLIENT)
        return Said(to=to, kind="groupchat", children=(subject,), nick=self._subject_nick)

    # Small questions

    def is_focus(self, jid: Jid) -> bool:
        return jid.bare == self._policy.focus.bare

    def _everybody(self) -> tuple[Jid, ...]:
        return tuple(self._nicks)

    def _shown(self, occupant: Occupant, stanza_id: str = "") -> list[Delivery]:
        """An occupant's presence to everybody: the others, then itself."""
        if self.is_hidden(occupant):
            return []
        others = tuple(jid for jid in self._nicks if jid != occupant.jid)
        return [
            Appeared(to=others, occupant=occupant),
            Appeared(
                to=(occupant.jid,),
                occupant=occupant,
                codes=(SELF_PRESENCE,),
                stanza_id=stanza_id,
                permissions=self._granted(occupant),
            ),
        ]

    def shown(self, nick: str) -> list[Delivery]:
        """An occupant's presence to everybody once more, since what it may do has changed."""
        occupant = self._occupants.get(nick)
        return [] if occupant is None else self._shown(occupant)

    def _granted(self, occupant: Occupant) -> tuple[str, ...]:
        """What it may do that others may not, as its client wants to be told (2.4)."""
        if self.is_focus(occupant.jid):
            return ()
        leads = occupant.role is Role.MODERATOR or self.is_presenter(occupant)
        if not leads or occupant.admission.features is not None:
            return ()  # who has a list of features of its own goes by that
        return tuple(name for each, name in STOCK_NAMES.items() if self.permits(occupant, each))

    def _occupant(self, jid: Jid) -> Occupant:
        occupant = self.occupant_of(jid)
        if occupant is None:
            raise NotInRoom
        return occupant

    def _owner(self, jid: Jid) -> Occupant:
        occupant = self._occupant(jid)
        if occupant.affiliation is not Affiliation.OWNER:
            raise NotPermitted("only owners may do that")
        return occupant


def _tamed(occupant: Occupant) -> Occupant:
    """An occupant without what its role may not say in its presence."""
    if occupant.role is Role.MODERATOR:
        return occupant
    presence = claims.not_leading(occupant.presence)
    if len(presence) == len(occupant.presence):
        return occupant
    return replace(occupant, presence=presence)


def _message_id(stanza: Element) -> str:
    """The id by which a message is answered, reacted to and taken back.

    Stock clients send most of theirs without one, and then each would make up another (4.9).
    """
    given = stanza.get("id")
    return given if given or stanza.find("body") is None else str(uuid.uuid4())
