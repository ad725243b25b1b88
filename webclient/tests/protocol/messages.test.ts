import { describe, expect, test } from "vitest";
import {
  parseBridgeMessage,
  reactionForStockClients,
  receiverConstraints,
  sourceVideoType,
} from "../../src/protocol/bridge-channel";
import { discoAnswer, FEATURES } from "../../src/protocol/caps";
import { readConfig } from "../../src/protocol/config";
import { buildMute, parseConferenceReply, parseMute } from "../../src/protocol/focus";
import { endpointIdFor, parseSourceName, roomNode } from "../../src/protocol/ids";
import { buildChat, buildReaction, parseMessage } from "../../src/protocol/messages";
import { parseServices } from "../../src/protocol/services";
import { parseCompactSources } from "../../src/protocol/sources";
import { readTheme } from "../../src/protocol/theme";
import { elements, escapeXml, serialize, xml } from "../../src/protocol/xml";
import { parseXml } from "../parse-xml";

const ROOM = "demo@conference.meet.example";

describe("chat", () => {
  test("what is said comes back with the same text", () => {
    const sent = serialize(
      buildChat({ to: ROOM, isPrivate: false }, "id1", "a < b & \"c\"\n'd'"),
    ).replace(`to="${ROOM}"`, `from="${ROOM}/aa"`);
    expect(parseMessage(parseXml(sent))).toEqual({
      kind: "chat",
      id: "id1",
      from: "aa",
      body: "a < b & \"c\"\n'd'",
      isPrivate: false,
      sentAt: null,
      authorName: "",
      replyTo: "",
    });
  });

  test("history carries its time and the name of an author who may be gone", () => {
    expect(
      parseMessage(
        parseXml(`<message type='groupchat' from='${ROOM}/aa' id='h'><body>hi</body>
          <delay xmlns='urn:xmpp:delay' stamp='2026-08-20T10:00:00Z'/>
          <display-name xmlns='http://jitsi.org/protocol/display-name' source='guest'>Ann</display-name></message>`),
      ),
    ).toMatchObject({ sentAt: Date.UTC(2026, 7, 20, 10), authorName: "Ann" });
  });

  test("a refusal says why", () => {
    expect(
      parseMessage(
        parseXml(
          `<message type='error' id='m1' from='${ROOM}'><error><text>too fast</text></error></message>`,
        ),
      ),
    ).toEqual({ kind: "refused", id: "m1", text: "too fast" });
  });

  test("a message of the room itself, or of no kind we know, says nothing", () => {
    expect(
      parseMessage(parseXml(`<message type='groupchat' from='${ROOM}'><body>x</body></message>`)),
    ).toBeUndefined();
    expect(parseMessage(parseXml(`<message from='${ROOM}/aa'/>`))).toBeUndefined();
  });
});

describe("reactions", () => {
  test("travel through the room", () => {
    const sent = serialize(buildReaction(ROOM, "clap")).replace(
      `to="${ROOM}"`,
      `from="${ROOM}/aa"`,
    );
    expect(parseMessage(parseXml(sent))).toEqual({
      kind: "reaction",
      from: "aa",
      reaction: "clap",
    });
  });

  test("of stock clients come over the bridge channel", () => {
    expect(
      parseBridgeMessage(
        '{"colibriClass":"EndpointMessage","from":"bb","to":"","msgPayload":{"name":"endpoint-reaction","reactions":["laugh"],"timestamp":1}}',
      ),
    ).toEqual({ kind: "reaction", from: "bb", reaction: "laugh" });
  });

  test("are not counted twice by us", () => {
    const sent = { ...JSON.parse(reactionForStockClients("like", 1)), from: "bb" };
    expect(sent.msgPayload).toMatchObject({ name: "endpoint-reaction", reactions: ["like"] });
    expect(parseBridgeMessage(JSON.stringify(sent))).toBeUndefined();
  });

  test("unknown ones are left out", () => {
    expect(
      parseMessage(
        parseXml(
          `<message type='groupchat' from='${ROOM}/aa'><json-message xmlns='http://jitsi.org/jitmeet'>{"type":"reactions","reactions":["&lt;b&gt;"]}</json-message></message>`,
        ),
      ),
    ).toBeUndefined();
  });
});

describe("the bridge channel", () => {
  test("events", () => {
    expect(
      parseBridgeMessage(
        '{"colibriClass":"DominantSpeakerEndpointChangeEvent","dominantSpeakerEndpoint":"aa","previousSpeakers":["bb",7],"silence":false}',
      ),
    ).toEqual({ kind: "dominant-speaker", endpoint: "aa", previous: ["bb"], silence: false });
    expect(
      parseBridgeMessage(
        '{"colibriClass":"EndpointConnectivityStatusChangeEvent","endpoint":"aa","active":"false"}',
      ),
    ).toEqual({ kind: "connectivity", endpoint: "aa", active: false });
    expect(
      parseBridgeMessage(
        '{"colibriClass":"SenderSourceConstraints","sourceName":"aa-v0","maxHeight":180}',
      ),
    ).toEqual({ kind: "sender-constraints", source: "aa-v0", maxHeight: 180 });
    expect(
      parseBridgeMessage(
        '{"colibriClass":"SourceReasons","sources":{"aa-v0":"their-uplink","bb-v0":null,"cc-v0":"later"}}',
      ),
    ).toEqual({
      kind: "picture-reasons",
      changes: { "aa-v0": "their-uplink", "bb-v0": null, "cc-v0": null },
    });
  });

  test("what is unknown or broken is ignored", () => {
    for (const data of [
      "",
      "{",
      "null",
      "7",
      "[]",
      '{"colibriClass":"Later"}',
      new ArrayBuffer(2),
    ]) {
      expect(parseBridgeMessage(data)).toBeUndefined();
    }
    expect(
      parseBridgeMessage('{"colibriClass":"SenderSourceConstraints","sourceName":7}'),
    ).toBeUndefined();
  });

  test("constraints", () => {
    expect(
      JSON.parse(
        receiverConstraints({
          lastN: -1,
          onStageSources: ["aa-v1"],
          defaultMaxHeight: 180,
          maxHeights: { "aa-v1": 720, "bb-v0": 0 },
        }),
      ),
    ).toEqual({
      colibriClass: "ReceiverVideoConstraints",
      lastN: -1,
      onStageSources: ["aa-v1"],
      defaultConstraints: { maxHeight: 180 },
      constraints: { "aa-v1": { maxHeight: 720 }, "bb-v0": { maxHeight: 0 } },
    });
    expect(JSON.parse(sourceVideoType("aa-v0", "none"))).toEqual({
      colibriClass: "SourceVideoTypeMessage",
      sourceName: "aa-v0",
      videoType: "none",
    });
  });
});

describe("the focus", () => {
  test("is ready, and says who it is", () => {
    const reply = parseXml(
      `<iq type='result'><conference xmlns='http://jitsi.org/protocol/focus' room='${ROOM}' ready='true' focusjid='focus@auth.meet.example'/></iq>`,
    );
    expect(parseConferenceReply(reply)).toEqual({
      ready: true,
      focusJid: "focus@auth.meet.example",
      sessionId: "",
    });
    expect(parseConferenceReply(parseXml("<iq type='result'/>"))).toBeUndefined();
  });

  test("mutes by three names", () => {
    for (const kind of ["audio", "video", "desktop"] as const) {
      const iq = xml("iq", {}, buildMute(kind, `${ROOM}/aa`, true));
      expect(parseMute(iq)?.kind).toBe(kind);
    }
    expect(parseMute(xml("iq", {}, buildMute("audio", "x", false)))).toBeUndefined();
  });
});

test("capabilities leave out what would change how sources are signalled", () => {
  const answer = discoAnswer(parseXml("<query node='n#v'/>"));
  const features = elements(answer, "feature").map((feature) => feature.attrs.var);
  expect(answer.attrs.node).toBe("n#v");
  expect(features).toContain("http://jitsi.org/json-encoded-sources");
  expect(features).toContain("http://jitsi.org/tcc");
  expect(FEATURES).not.toContain("http://jitsi.org/ssrc-rewriting-1");
  expect(FEATURES).toContain("http://jitsi.org/opus-red");
});

test("TURN and STUN servers become what the browser takes", () => {
  expect(
    parseServices(
      parseXml(`<iq type='result'><services xmlns='urn:xmpp:extdisco:2'>
        <service type='stun' host='turn.example' port='3478' transport='udp'/>
        <service type='turns' host='2001:db8::1' port='443' transport='tcp' username='u' password='p'/>
        <service type='xmpp' host='no'/></services></iq>`),
    ),
  ).toEqual([
    { urls: "stun:turn.example:3478" },
    { urls: "turns:[2001:db8::1]:443?transport=tcp", username: "u", credential: "p" },
  ]);
});

describe("names", () => {
  test("the nickname is the head of the server's UUID", () => {
    expect(endpointIdFor("A1B2C3D4-0000-4000-8000-000000000001@meet.example/x")).toBe("a1b2c3d4");
    expect(endpointIdFor("alice@meet.example/x", () => "00ff00ff")).toBe("00ff00ff");
  });

  test("source names", () => {
    expect(parseSourceName("e5f60718-v1")).toEqual({
      endpoint: "e5f60718",
      kind: "video",
      index: 1,
    });
    expect(parseSourceName("nothing")).toBeUndefined();
  });

  test("rooms are lower case and safe in an address", () => {
    expect(roomNode("Plaza De Mayo")).toBe("plaza-de-mayo");
    expect(roomNode("Ñandú")).toBe("%c3%b1and%c3%ba");
    expect(roomNode("a/b@c<d>")).toBe("abcd");
    expect(roomNode("100%")).toBe("100%25");
  });

  test("the configuration has defaults that follow from the page", () => {
    expect(readConfig(undefined, { hostname: "meet.example", host: "meet.example:8443" })).toEqual({
      domain: "meet.example",
      muc: "conference.meet.example",
      focus: "focus.meet.example",
      websocket: "wss://meet.example:8443/xmpp-websocket",
      bosh: "",
      p2pEnabled: true,
      backToP2PDelayMs: 5000,
      siteName: "Tertulia",
      theme: readTheme(undefined),
      lastN: -1,
      filesUrl: "",
      guestDomain: "meet.example",
      hasLogins: false,
      signInUrl: "",
    });
    expect(
      readConfig(
        { p2p: { enabled: false, backToP2PDelay: 2 }, channelLastN: 4 },
        { hostname: "h", host: "h" },
      ),
    ).toMatchObject({ p2pEnabled: false, backToP2PDelayMs: 2000, lastN: 4 });
  });
});

test("no text can leave its place in the XML", () => {
  expect(escapeXml(`<a b='c' d="e">&\u0000\u0008`)).toBe(
    "&lt;a b=&apos;c&apos; d=&quot;e&quot;&gt;&amp;",
  );
  expect(escapeXml("\ud83d\udc4f \ud83d")).toBe("👏 \ufffd");
});

describe("any bytes give a value or nothing", () => {
  // A small generator with a fixed seed: the same inputs on every run.
  let seed = 20261121;
  const random = (below: number): number => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return seed % below;
  };
  const value = (depth: number): unknown => {
    const kinds = [
      () => random(5_000_000_000) - 10,
      () => "x".repeat(random(4)),
      () => null,
      () => random(2) === 0,
      () => Array.from({ length: random(4) }, () => value(depth + 1)),
      () =>
        Object.fromEntries(
          ["s", "n", "m", "v", "sources", "f", "colibriClass", "type"]
            .filter(() => random(2) === 0)
            .map((key) => [key, value(depth + 1)]),
        ),
    ];
    return kinds[random(depth > 4 ? 4 : kinds.length)]!();
  };

  test("compact sources", () => {
    for (let round = 0; round < 500; round++) {
      const json = JSON.stringify({
        sources: { aa: value(0), bb: [value(0), value(0), value(0)] },
      });
      for (const source of parseCompactSources(json)) {
        expect(source.ssrcs.every((ssrc) => ssrc >= 0 && ssrc <= 4294967295)).toBe(true);
      }
      parseCompactSources(json.slice(0, random(json.length)));
    }
  });

  test("bridge messages", () => {
    const classes = [
      "ServerHello",
      "DominantSpeakerEndpointChangeEvent",
      "ForwardedSources",
      "SenderSourceConstraints",
      "EndpointConnectivityStatusChangeEvent",
      "ConnectionStats",
      "EndpointMessage",
    ];
    for (let round = 0; round < 500; round++) {
      const message = {
        colibriClass: classes[random(classes.length)],
        dominantSpeakerEndpoint: value(0),
        sourceName: value(0),
        maxHeight: value(0),
        forwardedSources: value(0),
        endpoint: value(0),
        msgPayload: value(0),
        from: value(0),
      };
      const json = JSON.stringify(message);
      parseBridgeMessage(json);
      parseBridgeMessage(json.slice(0, random(json.length)));
    }
  });
});
