"""Messages of the bridge channel as data (reference bridge 1.5).

Strict where it protects others, lenient where it costs nobody: duplicate keys are refused (which
of two was meant has led to forged types elsewhere), unknown fields and classes are ignored, and
what is forwarded is written anew from the parsed object.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tertulia.bridge.errors import MalformedChannelMessage
from tertulia.bridge.reasons import Reason
from tertulia.bridge.video import UNLIMITED, VideoType

MAX_NAMES = 1000
MAX_NAME_CHARS = 256
_MAX_HEIGHT = 1 << 16


@dataclass(frozen=True, slots=True)
class ClientHello:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverVideoConstraints:
    """A partial update: None leaves what was said before."""

    last_n: int | None = None
    selected: tuple[str, ...] | None = None
    on_stage: tuple[str, ...] | None = None
    default_height: int | None = None
    heights: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverAudioSubscription:
    """Exclude goes before include, include before all."""

    everything: bool = True
    include: frozenset[str] = field(default_factory=frozenset)
    exclude: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_everything(self) -> bool:
        return self.everything and not self.exclude

    def wants(self, name: str) -> bool:
        return name not in self.exclude and (self.everything or name in self.include)


@dataclass(frozen=True, slots=True)
class SourceVideoType:
    """`source` is "" for the legacy form, which means the sender's first video source."""

    source: str
    video_type: VideoType


@dataclass(frozen=True, slots=True)
class EndpointMessage:
    """For one endpoint, or for all others when `to` is empty; `body` is the whole object."""

    to: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EndpointStatistics:
    body: Mapping[str, Any]


ClientMessage = (
    ClientHello
    | ReceiverVideoConstraints
    | ReceiverAudioSubscription
    | SourceVideoType
    | EndpointMessage
    | EndpointStatistics
)


def parse(text: str) -> ClientMessage | None:
    """Read one message of a client; None for classes we do not know.

    Raises: MalformedChannelMessage.
    """
    body = _load(text)
    match body.get("colibriClass"):
        case "ClientHello":
            return ClientHello()
        case "ReceiverVideoConstraints":
            return _constraints(body)
        case "LastNChangedEvent":
            return ReceiverVideoConstraints(last_n=_last_n(body.get("lastN")))
        case "ReceiverAudioSubscription":
            return _audio_subscription(body)
        case "SourceVideoTypeMessage":
            return SourceVideoType(_name(body.get("sourceName")), _video_type(body))
        case "VideoTypeMessage":
            return SourceVideoType("", _video_type(body))
        case "EndpointMessage":
            return _endpoint_message(body)
        case "EndpointStats":
            return EndpointStatistics(body)
        case str():
            return None
        case _:
            raise MalformedChannelMessage("colibriClass is missing")


def _load(text: str) -> dict[str, Any]:
    try:
        body = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite
        )
    except (ValueError, RecursionError):
        raise MalformedChannelMessage("not JSON, or with duplicate keys") from None
    if not isinstance(body, dict):
        raise MalformedChannelMessage("a message is a JSON object")
    return body


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate keys")
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):  # 1e999 could not be written again
        raise ValueError("a number that is too large")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _constraints(body: dict[str, Any]) -> ReceiverVideoConstraints:
    default, each = body.get("defaultConstraints"), body.get("constraints")
    if each is not None and (not isinstance(each, dict) or len(each) > MAX_NAMES):
        raise MalformedChannelMessage("constraints must be an object")
    return ReceiverVideoConstraints(
        last_n=None if body.get("lastN") is None else _last_n(body["lastN"]),
        selected=_names(body.get("selectedSources")),
        on_stage=_names(body.get("onStageSources")),
        default_height=None if default is None else _height(default),
        heights=None
        if each is None
        else {_name(name): _height(value) for name, value in each.items()},
    )


def _audio_subscription(body: dict[str, Any]) -> ReceiverAudioSubscription:
    mode = body.get("mode")
    if mode is None:
        return ReceiverAudioSubscription(
            everything=body.get("all") is True,
            include=frozenset(_names(body.get("include")) or ()),
            exclude=frozenset(_names(body.get("exclude")) or ()),
        )
    listed = frozenset(_names(body.get("list")) or ())
    match str(mode).lower():
        case "all":
            return ReceiverAudioSubscription()
        case "none":
            return ReceiverAudioSubscription(everything=False)
        case "include":
            return ReceiverAudioSubscription(everything=False, include=listed)
        case "exclude":
            return ReceiverAudioSubscription(exclude=listed)
        case _:
            raise MalformedChannelMessage("unknown mode of an audio subscription")


def _endpoint_message(body: dict[str, Any]) -> EndpointMessage:
    to = body.get("to", "")
    if to is None:
        to = ""
    if not isinstance(to, str) or len(to) > MAX_NAME_CHARS:
        raise MalformedChannelMessage("`to` is an endpoint id or empty")
    return EndpointMessage(to, body)


def _video_type(body: dict[str, Any]) -> VideoType:
    try:
        return VideoType(str(body.get("videoType")).lower())
    except ValueError:
        raise MalformedChannelMessage("unknown videoType") from None


def _height(value: object) -> int:
    height = value.get("maxHeight") if isinstance(value, dict) else None
    number = _integer(height, "maxHeight")
    return UNLIMITED if number < 0 else min(number, _MAX_HEIGHT)


def _last_n(value: object) -> int:
    return max(_integer(value, "lastN"), UNLIMITED)


def _integer(value: object, what: str) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 1 << 40:
        raise MalformedChannelMessage(f"{what} must be a whole number")
    return value


def _names(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > MAX_NAMES:
        raise MalformedChannelMessage("a list of names was expected")
    return tuple(_name(each) for each in value)


def _name(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME_CHARS:
        raise MalformedChannelMessage("a name is a text of at most 256 characters")
    return value


# -- what the bridge says


def server_hello() -> str:
    return _write("ServerHello")


def sender_source_constraints(source: str, max_height: int) -> str:
    return _write("SenderSourceConstraints", sourceName=source, maxHeight=max_height)


def forwarded_sources(names: Iterable[str]) -> str:
    return _write("ForwardedSources", forwardedSources=list(names))


def source_reasons(reasons: Mapping[str, Reason | None]) -> str:
    """Why sources come smaller than they could or not at all; None: there is no reason any more.

    A message of our own (docs/protocols.md): stock clients pass over classes they do not know.
    """
    return _write("SourceReasons", sources=reasons)


@dataclass(frozen=True, slots=True)
class MappedSource:
    """Which source comes in a stream (SSRC rewriting)."""

    source: str
    owner: str
    ssrc: int
    rtx: int | None = None
    video_type: VideoType | None = None


def video_sources_map(mapped: Iterable[MappedSource]) -> str:
    return _write(
        "VideoSourcesMap",
        mappedSources=[
            {
                "source": each.source,
                "owner": each.owner,
                "ssrc": each.ssrc,
                "rtx": each.rtx,
                "videoType": (each.video_type or VideoType.CAMERA).value.upper(),
            }
            for each in mapped
        ],
    )


def audio_sources_map(mapped: Iterable[MappedSource]) -> str:
    return _write(
        "AudioSourcesMap",
        mappedSources=[
            {"source": each.source, "owner": each.owner, "ssrc": each.ssrc} for each in mapped
        ],
    )


def dominant_speaker(endpoint: str, previous: Iterable[str], *, is_silent: bool = False) -> str:
    return _write(
        "DominantSpeakerEndpointChangeEvent",
        dominantSpeakerEndpoint=endpoint,
        previousSpeakers=list(previous),
        silence=is_silent,
    )


def connectivity(endpoint: str, *, is_active: bool) -> str:
    # `active` is a text: clients compare it with "true".
    return _write(
        "EndpointConnectivityStatusChangeEvent",
        endpoint=endpoint,
        active="true" if is_active else "false",
    )


def connection_stats(estimated_downlink_bps: int) -> str:
    return _write("ConnectionStats", estimatedDownlinkBandwidth=estimated_downlink_bps)


def relayed(body: Mapping[str, Any], sender: str) -> str:
    """An EndpointMessage or EndpointStats on its way, with the true `from`."""
    return json.dumps({**body, "from": sender}, separators=(",", ":"))


def _write(colibri_class: str, **fields: object) -> str:
    return json.dumps({"colibriClass": colibri_class, **fields}, separators=(",", ":"))
