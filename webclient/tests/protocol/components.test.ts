import { describe, expect, test } from "vitest";
import { buildAllow, buildAskFirst, parseAvModeration } from "../../src/protocol/av-moderation";
import { buildBreakoutOrder, parseBreakouts } from "../../src/protocol/breakouts";
import {
  buildComponentMessage,
  type Components,
  parseComponentMessage,
  parseComponents,
  parseJson,
  parseRefusal,
} from "../../src/protocol/components";
import { parseFileSharing } from "../../src/protocol/file-sharing";
import { buildNewPoll, parsePolls } from "../../src/protocol/polls";
import { buildMetadataChange, parseRoomMetadata } from "../../src/protocol/room-metadata";
import { parseKey } from "../../src/protocol/short-lived-key";
import { parseSpeakerTimes } from "../../src/protocol/speaker-time";
import { serialize } from "../../src/protocol/xml";
import { parseXml } from "../parse-xml";

const KNOWN: Components = { polls: "polls.meet.example", av_moderation: "av.meet.example" };

function said(from: string, json: string, more = ""): ReturnType<typeof parseXml> {
  return parseXml(
    `<message from='${from}'${more}><json-message xmlns='http://jitsi.org/jitmeet'>${json}</json-message></message>`,
  );
}

describe("the parts of the server", () => {
  test("are those the server advertises", () => {
    expect(
      parseComponents(
        parseXml(`<iq type='result'><query xmlns='http://jabber.org/protocol/disco#info'>
          <identity category='server' type='im' name='Tertulia'/>
          <identity category='component' type='polls' name='Polls.meet.example'/>
          <identity category='component' type='visitors' name='visitors.meet.example'/></query></iq>`),
      ),
    ).toEqual({ polls: "polls.meet.example" });
  });

  test("are believed only from exactly their own address", () => {
    const json = '{"type":"polls","command":"old-polls","polls":[]}';
    expect(parseComponentMessage(said("polls.meet.example", json), KNOWN)?.type).toBe("polls");
    for (const liar of [
      "polls.meet.example/x",
      "demo@conference.meet.example/aa",
      "av.meet.example",
      "polls.meet.example.evil.example",
    ]) {
      expect(parseComponentMessage(said(liar, json), KNOWN)).toBeUndefined();
    }
    expect(parseComponentMessage(said("polls.meet.example", json), {})).toBeUndefined();
  });

  test("say no with a reason", () => {
    const refused = parseXml(
      `<message type='error' from='polls.meet.example'><error><text>too many polls</text></error></message>`,
    );
    expect(parseRefusal(refused, KNOWN)).toEqual({ type: "polls", text: "too many polls" });
    expect(parseComponentMessage(refused, KNOWN)).toBeUndefined();
  });

  test("send objects, never anything else", () => {
    for (const source of ["", "[]", "7", "null", "{", '"x"']) {
      expect(parseJson(source)).toBeUndefined();
    }
  });
});

describe("asking before speaking", () => {
  test("is switched by a moderator, for one kind of media", () => {
    expect(serialize(buildComponentMessage("av", buildAskFirst("audio", true)))).toContain(
      '<av_moderation enable="true" mediaType="audio"/>',
    );
    expect(serialize(buildAllow("video", "room/aa", false))).toBe(
      '<av_moderation jidToBlacklist="room/aa" mediaType="video"/>',
    );
  });

  test("is told in three ways", () => {
    expect(
      parseAvModeration({ enabled: true, mediaType: "audio", actor: "r@c/aa", room: "r@c" }),
    ).toEqual({ kind: "switched", media: "audio", isOn: true, actor: "aa" });
    expect(
      parseAvModeration({ mediaType: "audio", whitelists: { audio: ["r@c/bb", "r@c/cc"] } }),
    ).toEqual({ kind: "allowed", media: "audio", endpoints: ["bb", "cc"] });
    expect(parseAvModeration({ mediaType: "desktop", approved: true })).toEqual({
      kind: "own",
      media: "desktop",
      isAllowed: true,
    });
    expect(parseAvModeration({ mediaType: "audio", removed: true })).toMatchObject({
      isAllowed: false,
    });
    for (const wrong of [{}, { mediaType: "smell", enabled: true }, { mediaType: "audio" }]) {
      expect(parseAvModeration(wrong)).toBeUndefined();
    }
  });
});

describe("breakout rooms", () => {
  test("come with their people", () => {
    const message = parseBreakouts(
      {
        event: "features/breakout-rooms/update",
        rooms: {
          demo: {
            isMainRoom: true,
            jid: "demo@conference.meet.example",
            name: "",
            participants: {
              "demo@conference.meet.example/a1b2c3d4": {
                jid: "real@meet.example/x",
                role: "moderator",
                displayName: "Ann",
              },
            },
          },
          g1: { jid: "g1@breakout.meet.example", name: "Room A", participants: {} },
          broken: null,
        },
        isOpen: true,
        now: 1_000,
        closesAt: 61_000,
      },
      5_000,
    );
    expect(message).toMatchObject({
      kind: "plan",
      plan: {
        isOpen: true,
        endsAt: 65_000,
        rooms: [
          {
            isMain: true,
            people: [
              { id: "a1b2c3d4", realJid: "real@meet.example/x", name: "Ann", isModerator: true },
            ],
          },
          { id: "g1", name: "Room A", isMain: false, people: [] },
        ],
      },
    });
  });

  test("send people", () => {
    expect(
      parseBreakouts(
        { event: "features/breakout-rooms/move-to-room", roomJid: "G1@breakout.x" },
        0,
      ),
    ).toEqual({ kind: "move", roomJid: "g1@breakout.x" });
    expect(parseBreakouts({ event: "something" }, 0)).toBeUndefined();
  });

  test.each([
    [
      { kind: "add", name: "Room A" },
      '<breakout_rooms type="features/breakout-rooms/add" subject="Room A"/>',
    ],
    [
      { kind: "move", realJid: "a@x/1", roomJid: "g@b" },
      '<breakout_rooms type="features/breakout-rooms/move-to-room" participantJid="a@x/1" roomJid="g@b"/>',
    ],
    [
      { kind: "assign", realJid: "a@x/1", roomJid: "" },
      '<breakout_rooms type="features/breakout-rooms/assign" participantJid="a@x/1"/>',
    ],
    [
      { kind: "open", seconds: 600 },
      '<breakout_rooms type="features/breakout-rooms/open" seconds="600"/>',
    ],
    [
      { kind: "broadcast", text: "5 < 6" },
      '<breakout_rooms type="features/breakout-rooms/broadcast">5 &lt; 6</breakout_rooms>',
    ],
    [{ kind: "close" }, '<breakout_rooms type="features/breakout-rooms/close"/>'],
  ] as const)("are ordered: %o", (order, wire) => {
    expect(serialize(buildBreakoutOrder(order))).toBe(wire);
  });
});

describe("polls", () => {
  test("travel as stock clients write them", () => {
    const sent = buildNewPoll("polls.meet.example", {
      id: "p1",
      question: "Tea?",
      choices: ["yes", "no"],
      isMultiple: true,
      isAnonymous: false,
      isSecretUntilEnd: false,
    });
    expect(sent.attrs).toMatchObject({ to: "polls.meet.example", type: "chat" });
    expect(serialize(sent)).toContain("&quot;command&quot;:&quot;new-poll&quot;");
  });

  test("of stock clients allow several answers and show names", () => {
    expect(
      parsePolls({
        command: "old-polls",
        polls: [
          {
            pollId: "p1",
            senderId: "aa",
            senderName: "Ann",
            question: "Tea?",
            answers: [{ name: "yes", voters: [{ id: "bb", name: "Bob" }] }, { name: "no" }],
          },
          { question: "without an id" },
        ],
      }),
    ).toMatchObject({
      kind: "known",
      polls: [
        {
          id: "p1",
          isMultiple: true,
          isAnonymous: false,
          isClosed: false,
          voted: 1,
          choices: [{ votes: 1 }, { votes: 0 }],
        },
      ],
    });
  });
});

test("metadata: what is missing is not so, what is unknown is left alone", () => {
  expect(
    parseRoomMetadata({
      metadata: {
        startMuted: { audio: true },
        permissions: { groupChatRestricted: true, screen: "presenters", files: "nobody" },
        presenters: { aa: true, bb: false },
        whiteboard: {},
      },
    }),
  ).toMatchObject({
    startMuted: { audio: true, video: false },
    isLobbyOn: false,
    permissions: { chat: "moderators", screen: "presenters", files: "everybody" },
    presenters: ["aa"],
    isCameraRequired: false,
    areGroupsFree: false,
  });
  expect(parseRoomMetadata({})).toBeUndefined();
  expect(serialize(buildMetadataChange("r@c", "startMuted", { audio: true }))).toContain(
    "{&quot;key&quot;:&quot;startMuted&quot;,&quot;data&quot;:{&quot;audio&quot;:true}",
  );
});

test.each([
  ["none", { kind: "none" }],
  ["meeting", { kind: "meeting" }],
  [30, { kind: "days", days: 30 }],
  [0, null],
  ["for ever", null],
  [undefined, null],
])("what is written in the chat is kept: %s", (chatRetention, retention) => {
  expect(parseRoomMetadata({ metadata: { chatRetention } })).toMatchObject({ retention });
});

test("speaker times", () => {
  expect(
    parseSpeakerTimes({
      users: { bb: { displayName: "Bob", totalDominantSpeakerTime: 61000 }, cc: null },
    }),
  ).toEqual([{ id: "bb", name: "Bob", ms: 61000 }]);
});

describe("files", () => {
  test("are told one by one, or all to a newcomer", () => {
    const file = { fileId: "f1", fileName: "plan.pdf", fileSize: 12, timestamp: 5 };
    expect(parseFileSharing({ event: "add", file })).toMatchObject({
      kind: "added",
      file: { id: "f1", name: "plan.pdf", size: 12, at: 5 },
    });
    expect(parseFileSharing({ event: "list", files: { f1: file, f2: {} } })).toMatchObject({
      kind: "known",
      files: [{ id: "f1" }],
    });
    expect(parseFileSharing({ event: "remove", fileId: "f1" })).toEqual({
      kind: "removed",
      fileId: "f1",
    });
  });

  test("are opened by a key that ends", () => {
    expect(
      parseKey(
        parseXml(`<iq type='result'><credentials xmlns='urn:xmpp:extdisco:2'><service type='short-lived-token'
          host='file-sharing' password='JWT' expires='2026-09-01T12:00:30Z'/></credentials></iq>`),
      ),
    ).toEqual({ token: "JWT", expiresAt: Date.UTC(2026, 8, 1, 12, 0, 30) });
  });
});
