/** A session-initiate as a focus sends it: two feedback sources, one person with camera and voice. */
const TRANSPORT = `
  <transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='8hk2a' pwd='4s6vn0v1p3q7x9z2c5b8m1k4'>
   <fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>AB:CD:EF:01:AB:CD:EF:01:AB:CD:EF:01:AB:CD:EF:01:AB:CD:EF:01:AB:CD:EF:01:AB:CD:EF:01:AB:CD:EF:01</fingerprint>
   <web-socket xmlns='http://jitsi.org/protocol/colibri' url='wss://meet.example/colibri-ws/b1/9f3c/a1b2c3d4?pwd=6kq2'/>
   <rtcp-mux/>
   <candidate component='1' foundation='1' generation='0' id='c1' network='0' priority='2130706431' protocol='udp' type='host' ip='192.0.2.10' port='10000'/>
   <candidate component='1' foundation='2' generation='0' id='c2' network='0' priority='2130706175' protocol='tcp' tcptype='passive' type='host' ip='192.0.2.10' port='4443'/>
  </transport>`;

const FEEDBACK = `
    <rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='ccm' subtype='fir'/>
    <rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='nack'/>
    <rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='nack' subtype='pli'/>
    <rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='transport-cc'/>`;

export const COMPACT_SOURCES = JSON.stringify({
  sources: {
    jvb: [
      [{ s: 1111111111, n: "jvb-v0", m: "mixedmslabel mixedlabelvideo0" }],
      [],
      [{ s: 2222222222, n: "jvb-a0", m: "mixedmslabel mixedlabelaudio0" }],
    ],
    e5f60718: [
      [
        { s: 33, n: "e5f60718-v0", m: "e5f60718-video-0 t1" },
        { s: 34, n: "e5f60718-v0", m: "e5f60718-video-0 t1" },
      ],
      [["f", 33, 34]],
      [{ s: 35, n: "e5f60718-a0", m: "e5f60718-audio-0 t2" }],
    ],
  },
});

export const OFFER = `<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='s7f3' initiator='demo@conference.meet.example/focus'>
 <content creator='initiator' name='audio' senders='both'>
  <description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio' maxptime='60'>
   <rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='1' uri='urn:ietf:params:rtp-hdrext:ssrc-audio-level'/>
   <rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='10' uri='urn:ietf:params:rtp-hdrext:sdes:mid'/>
   <rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='5' uri='http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01'/>
   <extmap-allow-mixed xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0'/>
   <payload-type id='111' name='opus' clockrate='48000' channels='2'>
    <parameter name='minptime' value='10'/><parameter name='useinbandfec' value='1'/>
    <rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='transport-cc'/>
   </payload-type>
   <payload-type id='126' name='telephone-event' clockrate='8000'/>
   <rtcp-mux/>
  </description>${TRANSPORT}
 </content>
 <content creator='initiator' name='video' senders='both'>
  <description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'>
   <payload-type id='41' name='AV1' clockrate='90000'>${FEEDBACK}</payload-type>
   <payload-type id='100' name='VP8' clockrate='90000'>${FEEDBACK}</payload-type>
   <payload-type id='107' name='H264' clockrate='90000'><parameter name='profile-level-id' value='42e01f'/><parameter name='packetization-mode' value='1'/>${FEEDBACK}</payload-type>
   <payload-type id='42' name='rtx' clockrate='90000'><parameter name='apt' value='41'/></payload-type>
   <payload-type id='96' name='rtx' clockrate='90000'><parameter name='apt' value='100'/></payload-type>
   <payload-type id='99' name='rtx' clockrate='90000'><parameter name='apt' value='107'/></payload-type>
   <rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='10' uri='urn:ietf:params:rtp-hdrext:sdes:mid'/>
   <rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='5' uri='http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01'/>
   <extmap-allow-mixed xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0'/>
   <rtcp-mux/>
  </description>${TRANSPORT}
 </content>
 <group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'><content name='audio'/><content name='video'/></group>
 <bridge-session xmlns='http://jitsi.org/protocol/focus' id='9f3c-1' region='eu'/>
 <json-message xmlns='http://jitsi.org/jitmeet'>${COMPACT_SOURCES}</json-message>
</jingle>`;
