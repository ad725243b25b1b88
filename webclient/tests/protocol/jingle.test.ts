import { describe, expect, test } from "vitest";
import {
  buildContent,
  buildJingle,
  buildReason,
  buildSourceContents,
  buildTransport,
  parseJingle,
  sendersOf,
} from "../../src/protocol/jingle";
import { parseCompactSources } from "../../src/protocol/sources";
import { child, elements, serialize } from "../../src/protocol/xml";
import { parseXml } from "../parse-xml";
import { COMPACT_SOURCES, OFFER } from "./offer";

const offer = parseJingle(parseXml(OFFER), "focus");

describe("a session-initiate of the focus", () => {
  test("carries session, bridge session and the address of the bridge channel", () => {
    expect(offer).toMatchObject({
      action: "session-initiate",
      sid: "s7f3",
      initiator: "demo@conference.meet.example/focus",
      bridgeSessionId: "9f3c-1",
      bridgeRegion: "eu",
    });
    expect(offer.contents.map((content) => content.kind)).toEqual(["audio", "video"]);
    expect(offer.contents[0]?.transport?.webSocketUrl).toBe(
      "wss://meet.example/colibri-ws/b1/9f3c/a1b2c3d4?pwd=6kq2",
    );
  });

  test("has payload types with parameters and feedback", () => {
    const opus = offer.contents[0]?.description?.payloadTypes[0];
    expect(opus).toEqual({
      id: 111,
      name: "opus",
      clockrate: 48000,
      channels: 2,
      parameters: [
        { name: "minptime", value: "10" },
        { name: "useinbandfec", value: "1" },
      ],
      feedback: [{ type: "transport-cc" }],
    });
    const vp8 = offer.contents[1]?.description?.payloadTypes.find((each) => each.name === "VP8");
    expect(vp8?.feedback).toContainEqual({ type: "nack", subtype: "pli" });
  });

  test("has candidates over UDP and TCP", () => {
    expect(offer.contents[0]?.transport?.candidates).toMatchObject([
      { protocol: "udp", ip: "192.0.2.10", port: 10000, type: "host" },
      { protocol: "tcp", port: 4443, tcpType: "passive" },
    ]);
  });

  test("names the sources of each person", () => {
    expect(offer.sources.map(({ name, owner, kind }) => [name, owner, kind])).toEqual([
      ["jvb-v0", "jvb", "video"],
      ["jvb-a0", "jvb", "audio"],
      ["e5f60718-v0", "e5f60718", "video"],
      ["e5f60718-a0", "e5f60718", "audio"],
    ]);
    expect(offer.sources[2]).toMatchObject({
      ssrcs: [33, 34],
      groups: [{ semantics: "FID", ssrcs: [33, 34] }],
      msid: "e5f60718-video-0 t1",
    });
  });
});

test("media comes before its retransmissions, in whatever order it was told", () => {
  const [screen] = parseCompactSources(
    JSON.stringify({
      sources: {
        e5f60718: [
          [
            { s: 7, n: "e5f60718-v1", m: "e5f60718-video-1 t3", v: "d" },
            { s: 9, n: "e5f60718-v1", m: "e5f60718-video-1 t3", v: "d" },
          ],
          [["f", 9, 7]],
        ],
      },
    }),
  );
  expect(screen?.ssrcs).toEqual([9, 7]);
});

test.each([
  ["sendrecv", "both"],
  ["sendonly", "initiator"],
  ["recvonly", "responder"],
  ["inactive", "none"],
])("a section that is %s has the senders %s", (direction, senders) => {
  expect(sendersOf(direction)).toBe(senders);
});

test("what is built is read back the same", () => {
  const sources = parseCompactSources(COMPACT_SOURCES).filter((each) => each.owner === "e5f60718");
  const built = buildJingle(
    "session-accept",
    { sid: "s7f3", initiator: "room/focus", responder: "me@example/x" },
    ...offer.contents.map((content) =>
      buildContent(
        "responder",
        content,
        sources.filter((source) => source.kind === content.kind),
      ),
    ),
  );
  const read = parseJingle(parseXml(serialize(built)), "e5f60718");

  expect(read.contents.map((content) => content.description)).toEqual(
    offer.contents.map((content) => content.description),
  );
  expect(read.contents[0]?.transport?.fingerprint).toEqual(
    offer.contents[0]?.transport?.fingerprint,
  );
  expect([...read.sources].sort((a, b) => a.name.localeCompare(b.name))).toEqual(
    [...sources].sort((a, b) => a.name.localeCompare(b.name)),
  );
});

test("rtcp-mux stands inside the description, where it becomes a=rtcp-mux", () => {
  const [audio] = offer.contents;
  const built = buildContent("responder", audio!, []);
  expect(child(child(built, "description"), "rtcp-mux")).toBeDefined();
});

test("every element with its own namespace says so itself", () => {
  const source = parseCompactSources(COMPACT_SOURCES)[2]!;
  const [content] = buildSourceContents([source], "responder");
  for (const element of elements(child(content, "description"))) {
    expect(element.attrs.xmlns).toBe("urn:xmpp:jingle:apps:rtp:ssma:0");
  }
});

test("a reason has a condition and words", () => {
  const terminate = buildJingle(
    "session-terminate",
    { sid: "s", initiator: "i" },
    buildReason("decline", "P2P requirements not met"),
  );
  expect(parseJingle(parseXml(serialize(terminate)), "x").reason).toEqual({
    condition: "decline",
    text: "P2P requirements not met",
  });
});

test("what is malformed is left out, not believed", () => {
  const jingle = parseJingle(
    parseXml(`<jingle xmlns='urn:xmpp:jingle:1' action='source-add' sid='s'>
      <content name='video'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'>
        <payload-type id='900' name='VP8' clockrate='90000'/>
        <payload-type id='x' name='VP8' clockrate='90000'/>
        <source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='4294967296' name='aa-v0'/>
        <source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='7' name='no source name'/>
      </description><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1'><candidate ip='x'/></transport></content>
      <json-message xmlns='http://jitsi.org/jitmeet'>{"sources":{"aa":[[{"s":"-1","n":"aa-v0"}],"x"],"bb":7}}</json-message>
    </jingle>`),
    "aa",
  );
  expect(jingle.sources).toEqual([]);
  expect(jingle.contents[0]?.description?.payloadTypes).toEqual([]);
  expect(jingle.contents[0]?.transport?.candidates).toEqual([]);
});

test("an msid cannot break out of its line", () => {
  const [source] = parseCompactSources(
    JSON.stringify({ sources: { aa: [[{ s: 1, n: "aa-v0", m: "x\r\na=evil{}+ t" }]] } }),
  );
  expect(source?.msid).toBe("xa=evil t");
});

describe("an ICE restart in place", () => {
  test("says its generation, and a first transport says none", () => {
    const info = parseJingle(
      parseXml(`<jingle xmlns='urn:xmpp:jingle:1' action='transport-info' sid='s1'>
        <content name='audio'><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1'
          ufrag='new' pwd='secret' ice-generation='2'/></content></jingle>`),
      "focus",
    );

    expect(info.contents[0]?.transport).toMatchObject({ ufrag: "new", iceGeneration: 2 });
    expect(offer.contents[0]?.transport?.iceGeneration).toBeUndefined();
    const answer = buildTransport({ ufrag: "mine", pwd: "p", candidates: [], iceGeneration: 2 });
    expect(answer.attrs["ice-generation"]).toBe("2");
  });
});
