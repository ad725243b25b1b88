"""What disco#info says of a room and of the service (signalling reference 4.4)."""

from __future__ import annotations

from tertulia.rooms.room import Room
from tertulia.xmpp import ns as NS
from tertulia.xmpp.disco import DiscoInfo, Identity


def service_info() -> DiscoInfo:
    """The MUC domain itself."""
    return DiscoInfo(
        identities=(Identity(category="conference", type="text", name="Rooms"),),
        features=(NS.DISCO_INFO, NS.DISCO_ITEMS, NS.MUC, NS.PING),
    )


def room_info(room: Room, *, for_occupant: bool) -> DiscoInfo:
    """One room; which meeting this is, only those inside need to know."""
    configuration = room.configuration
    form = {}
    if for_occupant:
        form["muc#roominfo_meetingId"] = room.meeting_id
        if room.created_ms is not None:
            form["muc#roominfo_created_timestamp"] = str(room.created_ms)
        if room.lobby:
            form["muc#roominfo_lobbyroom"] = room.lobby
        if room.main is not None:  # left out of main rooms: any text there counts as true
            form["muc#roominfo_isbreakout"] = "true"
            form["muc#roominfo_breakout_main_room"] = str(room.main.jid)
    return DiscoInfo(
        identities=(Identity(category="conference", type="text"),),
        features=(
            NS.MUC,
            NS.DISCO_INFO,
            NS.PING,
            "muc_passwordprotected" if configuration.password else "muc_unsecured",
            "muc_membersonly" if configuration.members_only else "muc_open",
            "muc_nonanonymous",
            "muc_hidden",
            "muc_temporary",
        ),
        form_type=NS.MUC_ROOMINFO if for_occupant else "",
        form=form,
    )


def lobby_info() -> DiscoInfo:
    """A lobby; who is in it is not told."""
    return DiscoInfo(
        identities=(Identity(category="conference", type="text"),),
        features=(NS.MUC, NS.DISCO_INFO, NS.PING, "muc_hidden", "muc_temporary", "muc_open"),
    )
