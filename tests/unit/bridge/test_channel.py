"""Messages of the bridge channel (reference bridge 1.5)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertulia.bridge import channel as C
from tertulia.bridge.errors import MalformedChannelMessage
from tertulia.bridge.video import VideoType


def test_constraints_are_a_partial_update() -> None:
    message = C.parse(
        '{"colibriClass":"ReceiverVideoConstraints","lastN":25,"onStageSources":["b-v0"],'
        '"defaultConstraints":{"maxHeight":180},"constraints":{"b-v0":{"maxHeight":720}},'
        '"assumedBandwidthBps":1,"later":{}}'
    )

    assert message == C.ReceiverVideoConstraints(
        last_n=25, on_stage=("b-v0",), default_height=180, heights={"b-v0": 720}
    )


def test_last_n_of_old_clients_is_the_same_setting() -> None:
    assert C.parse('{"colibriClass":"LastNChangedEvent","lastN":-1}') == (
        C.ReceiverVideoConstraints(last_n=-1)
    )


def test_video_types_are_read_in_any_case() -> None:
    text = '{"colibriClass":"SourceVideoTypeMessage","sourceName":"a-v1","videoType":"DESKTOP"}'

    assert C.parse(text) == C.SourceVideoType("a-v1", VideoType.DESKTOP)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"all":false,"include":["a"],"exclude":[]}', {"a"}),
        ('{"all":true,"include":["a"],"exclude":["a","b"]}', {"c"}),
        ('{"mode":"None"}', set()),
        ('{"mode":"Include","list":["b"]}', {"b"}),
        ('{"mode":"Exclude","list":["b"]}', {"a", "c"}),
    ],
)
def test_exclude_goes_before_include_and_include_before_all(text: str, wanted: set[str]) -> None:
    body = json.loads(text) | {"colibriClass": "ReceiverAudioSubscription"}

    message = C.parse(json.dumps(body))

    assert isinstance(message, C.ReceiverAudioSubscription)
    assert {name for name in "abc" if message.wants(name)} == wanted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"colibriClass":7}',
        '{"colibriClass":"EndpointMessage","to":"","colibriClass":"EndpointStats"}',
        '{"colibriClass":"EndpointStats","x":NaN}',
        '{"colibriClass":"EndpointStats","x":1e999}',
        '{"colibriClass":"EndpointMessage","to":[]}',
        '{"colibriClass":"LastNChangedEvent","lastN":"3"}',
        '{"colibriClass":"LastNChangedEvent","lastN":true}',
        '{"colibriClass":"SourceVideoTypeMessage","sourceName":"a-v0","videoType":"film"}',
        '{"colibriClass":"ReceiverVideoConstraints","constraints":[]}',
        '{"a":' * 60_000,
    ],
)
def test_what_is_not_a_message_is_refused(text: str) -> None:
    with pytest.raises(MalformedChannelMessage):
        C.parse(text)


def test_classes_nobody_knows_are_ignored() -> None:
    assert C.parse('{"colibriClass":"PinnedEndpointChangedEvent"}') is None


def test_the_sender_of_a_relayed_message_is_the_true_one() -> None:
    message = C.parse(
        '{"colibriClass":"EndpointMessage","to":"","from":"victim","msgPayload":{"a":null}}'
    )

    assert isinstance(message, C.EndpointMessage)
    assert json.loads(C.relayed(message.body, "ana")) == {
        "colibriClass": "EndpointMessage",
        "to": "",
        "from": "ana",
        "msgPayload": {"a": None},
    }


def test_activity_travels_as_text() -> None:
    assert json.loads(C.connectivity("ana", is_active=False))["active"] == "false"


_CLASSES = st.sampled_from(
    ["ClientHello", "ReceiverVideoConstraints", "LastNChangedEvent", "ReceiverAudioSubscription",
     "SourceVideoTypeMessage", "VideoTypeMessage", "EndpointMessage", "EndpointStats", "New"]
)  # fmt: skip
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["maxHeight", "a-v0", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
_BODIES = st.dictionaries(
    st.sampled_from(
        ["lastN", "selectedSources", "onStageSources", "defaultConstraints", "constraints", "to",
         "all", "include", "exclude", "mode", "list", "sourceName", "videoType", "msgPayload"]
    ),
    _VALUES,
    max_size=6,
)  # fmt: skip


@given(_CLASSES, _BODIES)
def test_any_object_is_a_message_or_our_error(name: str, body: dict[str, object]) -> None:
    try:
        message = C.parse(json.dumps({"colibriClass": name} | body))
    except MalformedChannelMessage:
        return
    if isinstance(message, (C.EndpointMessage, C.EndpointStatistics)):
        assert json.loads(C.relayed(message.body, "me"))["from"] == "me"


@given(st.text())
def test_any_text_is_a_message_or_our_error(text: str) -> None:
    try:
        C.parse(text)
    except MalformedChannelMessage:
        return
