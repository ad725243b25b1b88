"""COLIBRI2 as data: the samples of the reference are understood, ours can be read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertulia.errors import MalformedInput
from tertulia.xmpp.colibri2 import (
    ConferenceModified,
    ConferenceModify,
    EndpointOrder,
    EndpointReport,
    ErrorReason,
    ForceMute,
    MediaOffer,
    MediaSource,
    Refusal,
    TransportOrder,
    UnknownEndpoint,
)
from tertulia.xmpp.jingle_ice import Fingerprint, IceUdpTransport
from tertulia.xmpp.jingle_rtp import (
    HeaderExtension,
    Media,
    PayloadType,
    Semantics,
    Source,
    SsrcGroup,
)
from tertulia.xmpp.stanza import refusal
from tertulia.xmpp.xml import Element, parse_document

CREATE = """
<conference-modify xmlns='jitsi:colibri2' meeting-id='0f6c' create='true'
  name='standup@conference.meet.example' rtcstats-enabled='false'>
 <endpoint id='a1b2c3d4' stats-id='Ana-x7' create='true' muc-role='owner'>
  <capability name='source-names'/><capability name='ssrc-rewriting'/>
  <media type='audio'>
   <payload-type xmlns='urn:xmpp:jingle:apps:rtp:1' id='111' name='opus' clockrate='48000'
     channels='2'><parameter name='useinbandfec' value='1'/></payload-type>
   <rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='1' uri='urn:level'/>
  </media>
  <transport ice-controlling='true'/>
 </endpoint>
</conference-modify>"""


def test_the_creation_of_an_endpoint_is_read() -> None:
    modify = ConferenceModify.parse(parse_document(CREATE))

    assert (modify.meeting_id, modify.create) == ("0f6c", True)
    (endpoint,) = modify.endpoints
    assert endpoint.capabilities == {"source-names", "ssrc-rewriting"}
    assert endpoint.transport == TransportOrder(ice_controlling=True)
    assert endpoint.media == (
        MediaOffer(
            type=Media.AUDIO,
            payload_types=(
                PayloadType(
                    id=111,
                    name="opus",
                    clockrate=48000,
                    channels=2,
                    parameters=(("useinbandfec", "1"),),
                ),
            ),
            header_extensions=(HeaderExtension(id=1, uri="urn:level"),),
        ),
    )


def test_an_update_survives_the_wire() -> None:
    modify = ConferenceModify(
        meeting_id="m",
        endpoints=(
            EndpointOrder(
                id="a1",
                transport=TransportOrder(
                    ice=IceUdpTransport(
                        ufrag="Xq9D",
                        pwd="p" * 24,
                        fingerprints=(Fingerprint(hash="sha-256", value="AA", setup="active"),),
                    )
                ),
                sources=(
                    MediaSource(
                        id="a1-v0",
                        type=Media.VIDEO,
                        sources=(Source(ssrc=21, msid="s t"), Source(ssrc=31, msid="s t")),
                        groups=(SsrcGroup(Semantics.FID, (21, 31)),),
                    ),
                ),
                force_mute=ForceMute(audio=True),
                initial_last_n=25,
            ),
        ),
    )

    assert ConferenceModify.parse(parse_document(str(modify.element()))) == modify


def test_cleared_sources_differ_from_unchanged_ones() -> None:
    cleared = ConferenceModify(meeting_id="m", endpoints=(EndpointOrder(id="a", sources=()),))
    unchanged = ConferenceModify(meeting_id="m", endpoints=(EndpointOrder(id="a"),))

    assert ConferenceModify.parse(cleared.element()).endpoints[0].sources == ()
    assert ConferenceModify.parse(unchanged.element()).endpoints[0].sources is None


def test_the_answer_survives_the_wire() -> None:
    answer = ConferenceModified(
        endpoints=(EndpointReport(id="a1", transport=IceUdpTransport(ufrag="u", pwd="p")),),
        sources=(
            MediaSource(
                id="jvb-a0", type=Media.AUDIO, sources=(Source(ssrc=3191927963, name="jvb-a0"),)
            ),
        ),
    )

    assert ConferenceModified.parse(parse_document(str(answer.element()))) == answer


def test_an_error_tells_that_a_bridge_wrote_it() -> None:
    request = Element("iq", {"type": "get", "id": "1", "from": "f@a/f"}, ns="jabber:client")

    answer = refusal(request, UnknownEndpoint("no such endpoint", endpoint="a1"))

    assert answer is not None
    assert Refusal.parse(answer) == Refusal(
        "item-not-found", ErrorReason.UNKNOWN_ENDPOINT.value, "a1", "no such endpoint"
    )


def test_an_error_of_the_room_has_no_reason() -> None:
    iq = parse_document(
        "<iq xmlns='jabber:client' type='error'><error type='cancel'>"
        "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    )

    assert Refusal.parse(iq) == Refusal("item-not-found", None)


_NAMES = [
    "endpoint", "relay", "capability", "media", "transport", "sources", "media-source",
    "force-mute", "initial-last-n", "payload-type", "source", "ssrc-group",
]  # fmt: skip
_SPACES = [
    "jitsi:colibri2",
    "urn:xmpp:jingle:apps:rtp:1",
    "urn:xmpp:jingle:apps:rtp:ssma:0",
    "urn:xmpp:jingle:transports:ice-udp:1",
]
_ATTRS = st.dictionaries(
    st.sampled_from(["id", "type", "create", "value", "ssrc", "semantics", "audio", "clockrate"]),
    st.sampled_from(["true", "audio", "1", "-1", "SIM", ""]) | st.text(max_size=5),
    max_size=4,
)


def _element(name: str, space: str, attrs: dict[str, str], inner: list[Element]) -> Element:
    return Element(name, attrs, *inner, ns=space)


_TREES = st.recursive(
    st.builds(_element, st.sampled_from(_NAMES), st.sampled_from(_SPACES), _ATTRS, st.just([])),
    lambda inner: st.builds(
        _element,
        st.sampled_from(_NAMES),
        st.sampled_from(_SPACES),
        _ATTRS,
        st.lists(inner, max_size=4),
    ),
    max_leaves=10,
)


@given(_ATTRS, st.lists(_TREES, max_size=4))
def test_any_element_is_an_order_or_our_error(attrs: dict[str, str], inner: list[Element]) -> None:
    element = Element("conference-modify", {"meeting-id": "m"} | attrs, *inner)
    element.ns = "jitsi:colibri2"
    try:
        modify = ConferenceModify.parse(element)
    except MalformedInput:
        return
    again = ConferenceModify.parse(modify.element())
    assert again.endpoints == modify.endpoints


def test_an_order_without_meeting_is_refused() -> None:
    with pytest.raises(MalformedInput):
        ConferenceModify.parse(Element("conference-modify", ns="jitsi:colibri2"))
