"""Jingle as data: what clients write is understood, what we write can be read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertulia.errors import MalformedInput
from tertulia.xmpp.jingle import (
    Action,
    BridgeSession,
    Content,
    Jingle,
    Party,
    Reason,
    Senders,
)
from tertulia.xmpp.jingle_ice import Candidate, Fingerprint, IceUdpTransport
from tertulia.xmpp.jingle_rtp import (
    EndpointSources,
    HeaderExtension,
    Media,
    PayloadType,
    RtcpFb,
    RtpDescription,
    Semantics,
    Source,
    SsrcGroup,
    sources_from_json,
    sources_to_json,
)
from tertulia.xmpp.xml import Element, parse_document

SESSION_ACCEPT = """
<jingle xmlns='urn:xmpp:jingle:1' action='session-accept' sid='s7f3'
        initiator='demo@conference.meet.example/focus' responder='a1@meet.example/Xy12'>
 <group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'>
  <content name='audio'/><content name='video'/><content name='data'/></group>
 <content creator='responder' name='audio' senders='both'>
  <description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>
   <payload-type id='111' name='opus' clockrate='48000' channels='2'>
    <parameter name='useinbandfec' value='1'/>
    <rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='transport-cc'/>
   </payload-type>
   <source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='5551' name='a1b2c3d4-a0'>
    <parameter name='msid' value='a1b2c3d4-audio-0-1 uuid-1'/></source>
   <rtcp-mux/>
  </description>
  <transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='Qx1z' pwd='p4sswordp4sswordp4sswo'>
   <fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='SHA-256'
     setup='active'>12:ab</fingerprint>
  </transport>
 </content>
 <content creator='responder' name='video' senders='both'>
  <initial-last-n xmlns='jitsi:colibri2' value='20'/>
  <description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'>
   <source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='21' name='a1b2c3d4-v0' videoType='camera'>
    <parameter name='msid' value='v t'/></source>
   <source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='31' name='a1b2c3d4-v0' videoType='camera'>
    <parameter name='msid' value='v t'/></source>
   <ssrc-group xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' semantics='FID'>
    <source ssrc='21'/><source ssrc='31'/></ssrc-group>
   <ssrc-group xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' semantics='FEC-FR'>
    <source ssrc='21'/><source ssrc='32'/></ssrc-group>
  </description>
 </content>
</jingle>"""


def test_a_clients_session_accept_is_read() -> None:
    jingle = Jingle.parse(parse_document(SESSION_ACCEPT))

    audio, video = jingle.contents
    assert (jingle.action, jingle.sid) == (Action.SESSION_ACCEPT, "s7f3")
    assert jingle.bundle == ("audio", "video", "data")
    assert audio.transport is not None
    assert audio.transport.fingerprints == (
        Fingerprint(hash="sha-256", value="12:AB", setup="active"),
    )
    assert video.initial_last_n == 20
    assert jingle.endpoint_sources() == EndpointSources(
        audio=(Source(ssrc=5551, name="a1b2c3d4-a0", msid="a1b2c3d4-audio-0-1 uuid-1"),),
        video=(
            Source(ssrc=21, name="a1b2c3d4-v0", msid="v t", video_type="camera"),
            Source(ssrc=31, name="a1b2c3d4-v0", msid="v t", video_type="camera"),
        ),
        video_groups=(SsrcGroup(Semantics.FID, (21, 31)),),
    )


def test_an_offer_survives_the_wire() -> None:
    transport = IceUdpTransport(
        ufrag="8hk2a",
        pwd="4s6vn0v1p3q7x9z2c5b8m1k4",
        fingerprints=(Fingerprint(hash="sha-256", value="AB:CD"),),
        web_sockets=("wss://meet.example/colibri-ws/b1/9f3c/a1b2c3d4?pwd=6&x=<>",),
        rtcp_mux=True,
        candidates=(
            Candidate(ip="192.0.2.10", port=10000, priority=2130706431, id="c1"),
            Candidate(
                ip="198.51.100.7",
                port=10000,
                priority=1694498815,
                type="srflx",
                rel_addr="192.0.2.10",
                rel_port=10000,
            ),
        ),
    )
    content = Content(
        name="video",
        senders=Senders.BOTH,
        description=RtpDescription(
            media=Media.VIDEO,
            payload_types=(
                PayloadType(
                    id=100,
                    name="VP8",
                    clockrate=90000,
                    rtcp_fb=(RtcpFb(type="nack", subtype="pli"),),
                ),
                PayloadType(id=96, name="rtx", clockrate=90000, parameters=(("apt", "100"),)),
            ),
            header_extensions=(HeaderExtension(id=5, uri="urn:x"),),
            extmap_allow_mixed=True,
            rtcp_mux=True,
            sources=(Source(ssrc=7, name="jvb-v0", msid="mixedmslabel m", owner="jvb"),),
            groups=(SsrcGroup(Semantics.SIM, (7, 8)),),
        ),
        transport=transport,
    )
    jingle = Jingle(
        action=Action.SESSION_INITIATE,
        sid="s",
        initiator="r@c/focus",
        contents=(content,),
        bundle=("audio", "video"),
        reason=Reason("success", "moving"),
        bridge_session=BridgeSession(id="9-1", region="eu"),
        sources={"e5": EndpointSources(audio=(Source(ssrc=35, name="e5-a0", msid="s t"),))},
    )

    assert Jingle.parse(parse_document(str(jingle.element()))) == jingle


def test_elements_that_stock_clients_select_by_xmlns_carry_it() -> None:
    description = RtpDescription(
        media=Media.AUDIO,
        header_extensions=(HeaderExtension(id=1, uri="a"),),
        sources=(Source(ssrc=1),),
    )

    text = str(description.element())

    assert "<rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0'" in text
    assert "<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0'" in text


@pytest.mark.parametrize("ssrc", ["", "0", "4294967296", "-1", "0x10", "١٢", "1e3", "9" * 400])
def test_an_ssrc_is_a_decimal_of_32_bits(ssrc: str) -> None:
    element = Element("source", {"ssrc": ssrc}, ns="urn:xmpp:jingle:apps:rtp:ssma:0")

    with pytest.raises(MalformedInput):
        Source.parse(element)


def test_compact_sources_have_the_short_names_of_the_wire() -> None:
    sources = EndpointSources(
        video=(Source(ssrc=33, name="e5-v0", msid="s t", video_type="desktop"),),
        video_groups=(SsrcGroup(Semantics.FID, (33, 34)),),
        audio=(Source(ssrc=35, name="e5-a0", msid="s u"),),
    )

    text = sources_to_json({"e5": sources})

    assert text == (
        '{"sources":{"e5":[[{"s":33,"n":"e5-v0","m":"s t","v":"d"}],[["f",33,34]],'
        '[{"s":35,"n":"e5-a0","m":"s u"}]]}}'
    )
    assert sources_from_json(text) == {"e5": sources}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["f", "s"]),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(["s", "n", "m", "v", "sources"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.text() | _JSON.map(lambda v: __import__("json").dumps({"sources": {"a": v}})))
def test_any_text_is_compact_sources_or_our_error(text: str) -> None:
    try:
        parsed = sources_from_json(text)
    except MalformedInput:
        return
    assert sources_from_json(sources_to_json(parsed)) == parsed


def test_deeply_nested_json_is_our_error() -> None:
    with pytest.raises(MalformedInput):
        sources_from_json("[" * 100_000)


_NAMES = [
    "jingle", "content", "description", "transport", "payload-type", "source", "ssrc-group",
    "parameter", "fingerprint", "candidate", "group", "reason", "text", "bridge-session",
    "initial-last-n", "json-message", "rtp-hdrext", "ssrc-info", "web-socket",
]  # fmt: skip
_SPACES = [
    "urn:xmpp:jingle:1",
    "urn:xmpp:jingle:apps:rtp:1",
    "urn:xmpp:jingle:apps:rtp:ssma:0",
    "urn:xmpp:jingle:transports:ice-udp:1",
    "urn:xmpp:jingle:apps:dtls:0",
    "urn:xmpp:jingle:apps:grouping:0",
    "http://jitsi.org/jitmeet",
    "jitsi:colibri2",
]
_ATTRS = st.dictionaries(
    st.sampled_from(
        ["action", "sid", "id", "name", "media", "ssrc", "semantics", "port", "setup", "hash",
         "creator", "senders", "clockrate", "value", "priority", "ufrag", "pwd"]
    ),
    st.sampled_from(["session-accept", "both", "audio", "1", "-1", "FID", "actpass", ""])
    | st.text(max_size=6),
    max_size=5,
)  # fmt: skip


def _element(name: str, space: str, attrs: dict[str, str], inner: list[Element | str]) -> Element:
    return Element(name, attrs, *inner, ns=space)


_TREES = st.recursive(
    st.builds(_element, st.sampled_from(_NAMES), st.sampled_from(_SPACES), _ATTRS, st.just([])),
    lambda inner: st.builds(
        _element,
        st.sampled_from(_NAMES),
        st.sampled_from(_SPACES),
        _ATTRS,
        st.lists(inner | st.text(max_size=5), max_size=4),
    ),
    max_leaves=10,
)


@given(_ATTRS, st.lists(_TREES, max_size=4))
def test_any_element_is_a_jingle_or_our_error(attrs: dict[str, str], inner: list[Element]) -> None:
    element = Element("jingle", {"sid": "s", "action": "source-add"} | attrs, *inner)
    element.ns = "urn:xmpp:jingle:1"
    try:
        jingle = Jingle.parse(element)
    except MalformedInput:
        return
    assert Jingle.parse(jingle.element()) == jingle


def test_a_party_is_initiator_or_responder() -> None:
    element = Element("content", {"name": "a", "creator": "nobody"}, ns="urn:xmpp:jingle:1")

    with pytest.raises(MalformedInput):
        Content.parse(element)
    assert Party("initiator") is Party.INITIATOR
