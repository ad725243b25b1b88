"""COLIBRI2 as JSON, the form it has over HTTP (reference bridge 3 and 6.1).

A request becomes the element that it stands for, so that one parser judges both forms. Numbers may
come as numbers or as texts; what is not known is ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tertulia.errors import MalformedInput
from tertulia.xmpp import ns as NS
from tertulia.xmpp.colibri2 import ConferenceModified, MediaSource
from tertulia.xmpp.jingle_ice import IceUdpTransport
from tertulia.xmpp.xml import Element

_MOST = 1000  # entries of any list


def request_element(body: object, meeting_id: str = "") -> Element:
    """The `<conference-modify/>` that a request's body stands for.

    Args:
        meeting_id: of the request's path; without one the body names it.
    Raises: MalformedInput.
    """
    request = _object(body)
    attrs = _attrs(request, "meeting-id", "name", "create", "expire")
    if meeting_id:
        attrs["meeting-id"] = meeting_id
    element = Element("conference-modify", attrs, ns=NS.COLIBRI2)
    for endpoint in _objects(request, "endpoints"):
        element.append(_endpoint(endpoint))
    for name in ("relays", "connects"):
        for _ in _objects(request, name):
            element.append(Element(name.removesuffix("s") if name == "relays" else name))
    return element


def _endpoint(endpoint: Mapping[str, Any]) -> Element:
    attrs = _attrs(endpoint, "id", "stats-id", "muc-role", "create", "expire")
    element = Element("endpoint", attrs)
    for name in _list(endpoint, "capabilities"):
        element.append(Element("capability", {"name": _text(name)}))
    for media in _objects(endpoint, "medias"):
        element.append(_media(media))
    if "transport" in endpoint:
        element.append(_transport(_object(endpoint["transport"])))
    if "sources" in endpoint:
        sources = Element("sources")
        for source in _objects(endpoint, "sources"):
            sources.append(_media_source(source))
        element.append(sources)
    for name in ("force-mute", "initial-last-n"):
        if name in endpoint:
            wanted = _object(endpoint[name])
            element.append(Element(name, _attrs(wanted, "audio", "video", "value")))
    return element


def _media(media: Mapping[str, Any]) -> Element:
    element = Element("media", _attrs(media, "type"))
    for payload in _objects(media, "payload-types"):
        attrs = _attrs(payload, "id", "name", "clockrate", "channels")
        child = Element("payload-type", attrs, ns=NS.RTP)
        for name, value in _object(payload.get("parameters", {})).items():
            # A value without a name, as of redundant audio, has "null" for one.
            named = {"name": "" if name == "null" else name, "value": _text(value)}
            child.append(Element("parameter", named))
        for feedback in _objects(payload, "rtcp-fbs"):
            attrs = _attrs(feedback, "type", "subtype")
            child.append(Element("rtcp-fb", attrs, ns=NS.RTCP_FB))
        element.append(child)
    for extension in _objects(media, "rtp-hdrexts"):
        attrs = _attrs(extension, "id", "uri")
        element.append(Element("rtp-hdrext", attrs, ns=NS.RTP_HDREXT))
    if media.get("extmap-allow-mixed") is True:
        element.append(Element("extmap-allow-mixed", ns=NS.RTP_HDREXT))
    return element


def _transport(transport: Mapping[str, Any]) -> Element:
    names = ("ice-controlling", "use-unique-port", "ice-restart")
    element = Element("transport", _attrs(transport, *names))
    if "sctp" in transport:
        element.append(Element("sctp", _attrs(_object(transport["sctp"]), "port", "role")))
    if "transport" in transport:
        element.append(_ice(_object(transport["transport"])))
    return element


def _ice(ice: Mapping[str, Any]) -> Element:
    element = Element("transport", _attrs(ice, "ufrag", "pwd", "ice-generation"), ns=NS.ICE_UDP)
    for fingerprint in _objects(ice, "fingerprints"):
        value = _text(fingerprint.get("fingerprint", ""))
        attrs = _attrs(fingerprint, "hash", "setup")
        element.append(Element("fingerprint", attrs, value, ns=NS.DTLS))
    for candidate in _objects(ice, "candidates"):
        attrs = {name: _text(value) for name, value in candidate.items()}
        element.append(Element("candidate", attrs))
    if ice.get("rtcp-mux") is True:
        element.append(Element("rtcp-mux"))
    return element


def _media_source(source: Mapping[str, Any]) -> Element:
    element = Element("media-source", _attrs(source, "id", "type"))
    for each in _list(source, "sources"):
        element.append(_source(each))
    for group in _objects(source, "ssrc-groups"):
        child = Element("ssrc-group", _attrs(group, "semantics"), ns=NS.SSMA)
        for each in _list(group, "sources"):
            child.append(_source(each))
        element.append(child)
    return element


def _source(source: object) -> Element:
    """A source, or nothing but its SSRC."""
    if not isinstance(source, dict):
        return Element("source", {"ssrc": _text(source)}, ns=NS.SSMA)
    element = Element("source", _attrs(source, "ssrc", "name"), ns=NS.SSMA)
    for name, value in _object(source.get("parameters", {})).items():
        element.append(Element("parameter", {"name": name, "value": _text(value)}))
    return element


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise MalformedInput("an object was expected")
    return value


def _list(parent: Mapping[str, Any], name: str) -> list[Any]:
    value = parent.get(name, [])
    if not isinstance(value, list) or len(value) > _MOST:
        raise MalformedInput(f"{name} is a list of at most {_MOST} entries")
    return value


def _objects(parent: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    return (_object(each) for each in _list(parent, name))


def _attrs(parent: Mapping[str, Any], *names: str) -> dict[str, str]:
    return {name: _text(parent[name]) for name in names if parent.get(name) is not None}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, (str, int)):
        raise MalformedInput("a text or a whole number was expected")
    try:
        return str(value)
    except ValueError:  # more digits than Python writes
        raise MalformedInput("a number that is too large") from None


def answer_json(answer: ConferenceModified) -> dict[str, object]:
    """The body of the answer."""
    endpoints: list[dict[str, object]] = []
    for report in answer.endpoints:
        endpoint: dict[str, object] = {"id": report.id}
        if report.expire:
            endpoint["expire"] = True
        if report.transport is not None:
            endpoint["transport"] = {"transport": _ice_json(report.transport)}
        endpoints.append(endpoint)
    body: dict[str, object] = {}
    if endpoints:
        body["endpoints"] = endpoints
    if answer.sources:
        body["sources"] = [_source_json(each) for each in answer.sources]
    return body


def _ice_json(ice: IceUdpTransport) -> dict[str, object]:
    generation = {} if ice.ice_generation is None else {"ice-generation": ice.ice_generation}
    return {
        "xmlns": NS.ICE_UDP,
        "ufrag": ice.ufrag,
        "pwd": ice.pwd,
        **generation,
        "rtcp-mux": ice.rtcp_mux,
        "fingerprints": [
            {"fingerprint": each.value, "hash": each.hash, "setup": each.setup}
            for each in ice.fingerprints
        ],
        "candidates": [each.element().attrs for each in ice.candidates],
        "web-sockets": list(ice.web_sockets),
    }


def _source_json(source: MediaSource) -> dict[str, object]:
    return {
        "id": source.id,
        "type": source.type.value,
        "sources": [{"ssrc": each.ssrc, "name": each.name} for each in source.sources],
    }
