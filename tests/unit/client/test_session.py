"""What a participant answers to the focus."""

import pytest

from tertulia.client.session import (
    Credentials,
    Offer,
    OwnSource,
    accept,
    ask_again,
    change_sources,
    decline,
)
from tertulia.client.sources import SignalledSource, signalled
from tertulia.errors import MalformedInput
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.jingle import Action, Jingle, Party
from tertulia.xmpp.jingle_rtp import Media
from tertulia.xmpp.xml import parse_document

TRANSPORT = """
<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='8hk2a'
  pwd='4s6vn0v1p3q7x9z2c5b8m1k4'>
 <fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'
  >AB:CD</fingerprint>
 <web-socket xmlns='http://jitsi.org/protocol/colibri' url='wss://meet.example/colibri-ws/b1/c/e'/>
 <candidate component='1' foundation='1' generation='0' id='c1' network='0' priority='2130706431'
   protocol='udp' type='host' ip='192.0.2.10' port='10000'/>
</transport>"""
FORM = """
<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='s7f3' initiator='plaza@c.x/focus'>
 <content creator='initiator' name='audio' senders='both'>
  <description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>
   <rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='1' uri='urn:audio-level'/>
   <payload-type id='111' name='opus' clockrate='48000' channels='2'/>
   <payload-type id='112' name='red' clockrate='48000' channels='2'/>
   <rtcp-mux/>
  </description>{transport}
 </content>
 <content creator='initiator' name='video' senders='both'>
  <description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'>
   <payload-type id='100' name='VP8' clockrate='90000'/>
   <payload-type id='96' name='rtx' clockrate='90000'>
     <parameter name='apt' value='100'/></payload-type>
   <payload-type id='45' name='H265' clockrate='90000'/>
   <payload-type id='46' name='rtx' clockrate='90000'>
     <parameter name='apt' value='45'/></payload-type>
   {sources}
  </description>{transport}
 </content>
 <bridge-session xmlns='http://jitsi.org/protocol/focus' id='9f3c-1' region='eu'/>
 {json}
</jingle>"""
SSMA = "xmlns='urn:xmpp:jingle:apps:rtp:ssma:0'"
XML_SOURCES = f"""
<source {SSMA} ssrc='1' name='jvb-v0'>
 <ssrc-info xmlns='http://jitsi.org/jitmeet' owner='jvb'/></source>
<source {SSMA} ssrc='33' name='e5f60718-v0' videoType='desktop'>
 <ssrc-info xmlns='http://jitsi.org/jitmeet' owner='e5f60718'/></source>
<source {SSMA} ssrc='34' name='e5f60718-v0' videoType='desktop'>
 <ssrc-info xmlns='http://jitsi.org/jitmeet' owner='e5f60718'/></source>
<ssrc-group {SSMA} semantics='FID'><source ssrc='33'/><source ssrc='34'/></ssrc-group>"""
JSON_SOURCES = """
<json-message xmlns='http://jitsi.org/jitmeet'>{"sources":{"jvb":[[{"s":1,"n":"jvb-v0"}],[],[]],
"e5f60718":[[{"s":33,"n":"e5f60718-v0","v":"d"},{"s":34,"n":"e5f60718-v0","v":"d"}],[["f",33,34]],
[{"s":35,"n":"e5f60718-a0"}]]}}</json-message>"""
SCREEN = SignalledSource(
    name="e5f60718-v0", owner="e5f60718", media=Media.VIDEO, ssrc=33, rtx=34, is_screen=True
)
SOUND = SignalledSource(name="e5f60718-a0", owner="e5f60718", media=Media.AUDIO, ssrc=35)
CAMERA = OwnSource(name="me-v0", msid="me-video t", media=Media.VIDEO, ssrc=7, rtx=8)
ME = Jid.parse("a@x/r")


def initiate(sources: str = "", json: str = "", transport: str = TRANSPORT) -> Jingle:
    text = FORM.format(sources=sources, json=json, transport=transport)
    return Jingle.parse(parse_document(text))


def test_an_offer_is_read() -> None:
    offer = Offer.of(initiate())

    assert (offer.ufrag, offer.channel) == ("8hk2a", "wss://meet.example/colibri-ws/b1/c/e")
    assert [(each.name, each.payload.id, each.rtx) for each in offer.codecs] == [
        ("opus", 111, None),
        ("vp8", 100, 96),
    ]
    assert [each.ip for each in offer.candidates] == ["192.0.2.10"]


def test_an_offer_without_transport_cannot_be_answered() -> None:
    with pytest.raises(MalformedInput):
        Offer.of(initiate(transport=""))


def test_both_wire_forms_of_sources_are_read() -> None:
    assert list(signalled(initiate(json=JSON_SOURCES))) == [SOUND, SCREEN]
    assert list(signalled(initiate(sources=XML_SOURCES))) == [SCREEN]


def test_the_answer_names_what_we_handle_and_send() -> None:
    answer = accept(
        Offer.of(initiate()), Credentials("frag", "pass" * 6), ("sha-256", "CD:EF"), [CAMERA], ME
    )

    audio, video = answer.contents
    assert (answer.action, answer.sid, answer.responder) == (
        Action.SESSION_ACCEPT,
        "s7f3",
        "a@x/r",
    )
    assert [each.creator for each in answer.contents] == [Party.RESPONDER] * 2
    assert audio.description is not None
    assert video.description is not None
    assert video.transport is not None
    assert [each.id for each in audio.description.payload_types] == [111]
    assert [each.id for each in video.description.payload_types] == [100, 96]
    assert [each.ssrc for each in video.description.sources] == [7, 8]
    assert [group.ssrcs for group in video.description.groups] == [(7, 8)]
    assert video.transport.fingerprints[0].setup == "active"
    assert Jingle.parse(parse_document(str(answer.element()))) == answer


def test_changes_hold_only_what_changes() -> None:
    change = change_sources(Offer.of(initiate()), Action.SOURCE_ADD, [CAMERA])

    assert [content.name for content in change.contents] == ["video"]


def test_a_lost_session_is_asked_for_again_by_its_bridge() -> None:
    again = ask_again(Offer.of(initiate()), "ICE FAILED")

    assert again.bridge_session is not None
    assert (again.bridge_session.id, again.bridge_session.restart) == ("9f3c-1", True)


def test_an_offer_past_the_bridge_is_declined() -> None:
    refused = decline(initiate())

    assert refused.reason is not None
    assert (refused.action, refused.reason.condition) == (Action.SESSION_TERMINATE, "decline")
