"""Room metadata: what everybody is told, who may change it, and what cannot be passed off."""

from __future__ import annotations

import html
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.rooms.house import HOST, PLAZA, House

from tertulia.rooms.metadata import PROTECTED, MetadataLimits, RoomMetadata
from tertulia.rooms.rights import Feature, Level, Permissions
from tertulia.xmpp.errors import BadRequest

METADATA = f"metadata.{HOST}"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


class Told(House):
    """Ana owns the room, Bea and Cai are in it."""

    def __init__(self, limits: MetadataLimits | None = None) -> None:
        self.rights: list[str] = []
        self.part = RoomMetadata(
            METADATA, limits=limits, on_rights=lambda room, by: self.rights.append(by)
        )
        super().__init__(self.part)
        for name in ("ana", "bea", "cai"):
            self.join(name)

    def sets(self, name: str, key: str, data: Any) -> str:
        return self.says(name, msgspec.json.encode({"key": key, "data": data}).decode())

    def says(self, name: str, text: str) -> str:
        child = f"<room_metadata xmlns='http://jitsi.org/jitmeet'>{html.escape(text)}"
        return self.send(name, f"<message to='{METADATA}'>{child}</room_metadata></message>")

    def seen(self, name: str) -> dict[str, Any]:
        """The latest metadata somebody has got."""
        found = [
            each["metadata"]
            for each in self.someone(name).json()
            if each["type"] == "room_metadata"
        ]
        return found[-1]


def test_everybody_gets_the_whole_object_after_each_change() -> None:
    house = Told()

    house.sets("ana", "slides", {"page": 7})
    house.sets("ana", "startMuted", {"audio": True})

    for name in ("ana", "bea", "cai"):
        seen = house.seen(name)
        assert seen["slides"] == {"page": 7}
        assert seen["startMuted"] == {"audio": True, "video": False}
    house.sets("ana", "slides", None)
    assert "slides" not in house.seen("bea")


def test_turn_servers_are_told_to_each_newcomer_alone() -> None:
    house = Told()
    assert house.seen("ana")["services"] == []  # else stock clients ask those of strangers
    house.part.services_for = lambda jid: [{"type": "turn", "username": str(jid)}]

    house.join("dan")
    house.join("eve")

    for name in ("dan", "eve"):
        assert house.seen(name)["services"] == [
            {"type": "turn", "username": str(house.someone(name).jid)}
        ]
    house.sets("ana", "slides", 1)
    for name in ("ana", "dan"):
        assert "services" not in house.seen(name)


def test_newcomers_start_muted_once_enough_people_are_there() -> None:
    house = Told()
    house.part.start_muted_from(house.main.jid, 3, 4)

    house.join("dan")
    house.join("eve")

    assert house.seen("dan")["startMuted"] == {"audio": True, "video": False}
    assert house.seen("eve")["startMuted"] == {"audio": True, "video": True}
    assert house.seen("ana")["startMuted"] == {"audio": False, "video": False}


@pytest.mark.parametrize("key", sorted(PROTECTED))
def test_what_the_server_says_is_not_for_clients(key: str) -> None:
    house = Told()

    assert house.sets("ana", key, True) == "not-allowed"


def test_each_limit_has_a_name_and_changes_nothing() -> None:
    house = Told(MetadataLimits(metadata_bytes=500, metadata_keys=2, metadata_key_characters=5))
    house.sets("ana", "one", 1)
    before = house.part.dump(house.main)

    assert house.sets("ana", "two", "x" * 500) == "resource-constraint"
    assert house.sets("ana", "toolong", 1) == "bad-request"
    assert house.says("ana", "{") == "bad-request"
    assert house.says("ana", "[" * 100_000) == "bad-request"
    assert house.says("ana", '{"key":"two","data":"\\ufffe"}') == "bad-request"
    assert house.says("ana", '{"key":7}') == "bad-request"
    house.sets("ana", "two", 2)
    assert house.sets("ana", "three", 3) == "resource-constraint"
    house.sets("ana", "two", None)
    assert house.part.dump(house.main) == before


def test_presenters_are_people_who_are_there_and_nobody_who_takes_their_nickname() -> None:
    house = Told()

    assert house.sets("ana", "presenters", {"zoe": True}) == "bad-request"
    assert house.sets("ana", "presenters", ["bea"]) == "bad-request"
    assert house.sets("ana", "presenters", {"bea": True}) == ""
    assert house.seen("cai")["presenters"] == {"bea": True}
    assert house.rights == ["ana"]

    house.sets("ana", "permissions", {"chat": "presenters"})
    bea = house.main.occupant("bea")
    assert bea is not None and house.main.permits(bea, Feature.CHAT)
    house.sets("ana", "presenters", {"bea": False})
    assert not house.main.permits(bea, Feature.CHAT)


def test_permissions_and_what_stock_clients_know_of_them_agree() -> None:
    permissions = Permissions().changed({"groupChatRestricted": True, "polls": "presenters"})

    assert permissions.of(Feature.CHAT) is Level.MODERATORS
    public = permissions.public()
    assert (public["groupChatRestricted"], public["pollCreationRestricted"]) == (True, True)
    assert permissions.changed({"pollCreationRestricted": True}).of(Feature.POLLS) == "presenters"
    assert permissions.changed({"groupChatRestricted": False}).of(Feature.CHAT) == "everybody"
    assert Permissions().changed(public) == permissions


@given(JSON)
def test_any_permissions_are_taken_or_refused(data: Any) -> None:
    try:
        Permissions().changed(data)
    except BadRequest:
        return
    assert isinstance(data, dict)


def test_it_survives_a_restart() -> None:
    house = Told()
    house.sets("ana", "startMuted", {"audio": True, "video": True})
    house.sets("ana", "permissions", {"camera": "presenters"})
    house.sets("ana", "presenters", {"bea": True})
    house.sets("ana", "slides", [1, 2])
    dumped = msgspec.json.decode(msgspec.json.encode(house.part.dump(house.main)))

    again = Told()
    again.part.load(again.main, dumped)
    again.join("dan")

    assert again.seen("dan") == {**house.seen("bea"), "services": []}
    with pytest.raises(msgspec.ValidationError):
        again.part.load(again.main, {"presenters": {"bea": "@@"}})


@given(
    key=st.sampled_from(["startMuted", "permissions", "presenters", "slides", "lobbyEnabled"]),
    data=JSON | st.fixed_dictionaries({"bea": st.booleans(), "ana": st.booleans()}),
    claims=st.dictionaries(
        st.sampled_from(["from", "senderId", "actor", "nick", "id", "room"]),
        st.sampled_from(["ana", f"{PLAZA}/ana", "focus"]),
    ),
)
def test_nobody_without_the_role_changes_anything_whoever_it_claims_to_be(
    key: str, data: Any, claims: dict[str, str]
) -> None:
    house = Told()
    before, seen = house.part.dump(house.main), house.seen("cai")

    refused = house.says("bea", msgspec.json.encode({**claims, "key": key, "data": data}).decode())

    assert refused == "forbidden"
    assert (house.part.dump(house.main), house.seen("cai")) == (before, seen)
