"""Meetings: the rooms, what hangs on them, and the focus that leads the conferences in them."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from tertulia import admitting, sharing
from tertulia.accounts.entrance import Entrance, Who
from tertulia.administration.direct import DirectSessions
from tertulia.admitting import Kept
from tertulia.config import Config
from tertulia.focus.limits import ConferenceLimits
from tertulia.focus.service import Focus
from tertulia.focus.settings import FocusAddresses, FocusSettings
from tertulia.rooms.attendance import Attendance
from tertulia.rooms.av_moderation import AvModeration
from tertulia.rooms.bans import Trace
from tertulia.rooms.breakouts import BreakoutRooms
from tertulia.rooms.cameras import CameraLimits, Cameras
from tertulia.rooms.ending import EndConference
from tertulia.rooms.keeping_chat import KeepingChat
from tertulia.rooms.limits import RoomLimits
from tertulia.rooms.lobby import LobbyRooms
from tertulia.rooms.metadata import RoomMetadata
from tertulia.rooms.parts import Part, Parts
from tertulia.rooms.persons import Persons
from tertulia.rooms.policy import RoomPolicy
from tertulia.rooms.polls import Polls
from tertulia.rooms.service import RoomService
from tertulia.rooms.speaking import SpeakerStats
from tertulia.usage.keeping import Keeper as UsageKeeper
from tertulia.usage.part import Usage
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.router import Router


@dataclass(frozen=True, slots=True, kw_only=True)
class Meetings:
    focus: Focus
    rooms: RoomService
    breakout_rooms: RoomService
    parts: Parts
    metadata: RoomMetadata
    persons: Persons
    shared: sharing.Sharing
    usage: Usage
    direct: DirectSessions
    counts: UsageKeeper


def meetings(
    config: Config, router: Router, entrance: Entrance, kept: Kept, secret: str
) -> Meetings:
    """Serve the domains of rooms and of what hangs on them. The focus is not started yet.

    Args:
        secret: makes what is counted of people useless for finding them, and seals tokens.
    """
    addresses = FocusAddresses.of(config.host)
    parts, persons = Parts(router), Persons()
    breakouts = BreakoutRooms(addresses.breakouts, persons=persons)
    parts.add(breakouts, serve=False)  # its rooms' service does
    cameras = CameraLimits(camera_grace_s=config.limits.camera_grace_s)
    for part in parts_of_rooms(config.host, persons, cameras, secret):
        parts.add(part)
    usage = Usage(persons, secret=secret, clock=time.time)
    parts.add(usage, serve=False)
    direct = DirectSessions()
    parts.add(direct, serve=False)
    counts = UsageKeeper(usage.tally, time.time, retention_days=config.usage.retention_days)
    shared = sharing.of(config, parts, persons, kept, admitting.link_signer(config))

    policy = _policy(config, router, entrance, kept, persons)
    rooms = RoomService(router, addresses.rooms, policy, parts=parts)
    entrance.on_proved = router.readmit
    router.unbound.append(entrance.gone)
    breakout_rooms = RoomService(
        router,
        addresses.breakouts,
        replace(policy, kept=lambda room: None, are_named_in_tokens=False),
        parts=parts,
        at_domain=lambda stanza: parts.handle(breakouts, stanza),
    )
    RoomService(router, addresses.brewery.domain, RoomPolicy.brewery(config.host, addresses.jid))

    def meeting_id_of(jid: Jid) -> str | None:
        room = parts.room(jid)
        return room.meeting_id if room is not None else None

    moderation = parts.part(AvModeration.name)
    metadata = parts.part(RoomMetadata.name)
    assert isinstance(moderation, AvModeration)
    assert isinstance(metadata, RoomMetadata)
    focus = Focus(
        router=router,
        addresses=addresses,
        entrance=entrance,
        settings=_focus_settings(config),
        meeting_id_of=meeting_id_of,
        may_send=moderation.may_send,
        may_hold_breakout=breakouts.may_hold,
        on_asked=persons.asked,
        on_created=metadata.start_muted_from,
    )
    moderation.on_rights = focus.rights_changed
    return Meetings(
        focus=focus,
        rooms=rooms,
        breakout_rooms=breakout_rooms,
        parts=parts,
        metadata=metadata,
        persons=persons,
        shared=shared,
        usage=usage,
        direct=direct,
        counts=counts,
    )


def parts_of_rooms(
    host: str, persons: Persons, cameras: CameraLimits | None = None, secret: str = ""
) -> tuple[Part, ...]:
    """What hangs on every room, in the order in which newcomers hear of it.

    Args:
        secret: seals what people may still use when another process has taken over.
    """
    moderation = AvModeration(f"avmoderation.{host}")
    metadata = RoomMetadata(f"metadata.{host}", on_rights=moderation.rights_changed)
    moderation.open_feature = metadata.open_feature
    return (
        metadata,
        moderation,
        LobbyRooms(f"lobby.{host}", f"conference.{host}"),
        EndConference(f"endconference.{host}"),
        Polls(f"polls.{host}", persons=persons),
        SpeakerStats(f"speakerstats.{host}"),
        Attendance(f"attendance.{host}", persons=persons, secret=secret),
        KeepingChat(f"chat.{host}"),
        Cameras(f"cameras.{host}", limits=cameras),
    )


def _policy(
    config: Config, router: Router, entrance: Entrance, kept: Kept, persons: Persons
) -> RoomPolicy:
    def trace_of(jid: Jid) -> Trace:
        origin = router.origin(jid)
        return Trace(origin.remote_ip if origin is not None else "", persons.machine_of(jid))

    limits = RoomLimits(occupants=config.limits.occupants_per_room)
    return replace(
        RoomPolicy.meetings(config.host, FocusAddresses.of(config.host).jid, limits, trace_of),
        first_becomes_owner=config.access.open == Who.EVERYBODY,
        admission_of=entrance.admission_of,
        may_join=entrance.may_join,
        kept=lambda room: kept.rooms.room(room.node),
        keep=lambda room, changed: kept.rooms.change(room.node, changed),
    )


def _focus_settings(config: Config) -> FocusSettings:
    return FocusSettings(
        conference=ConferenceLimits(
            ssrc_rewriting=config.media.ssrc_rewriting, opus_red=config.media.opus_red
        ),
        region_groups=tuple(frozenset(g.split("+")) for g in config.focus.region_groups),
        max_conferences=config.limits.conferences,
        rooms_per_creator=config.limits.rooms_per_creator,
    )
