import { describe, expect, test } from "vitest";
import {
  apply,
  type Conference,
  type ConferenceEvent,
  initialConference,
  type Participant,
} from "../../src/conference/state";

const BEA: Participant = {
  id: "bbbbbbbb",
  displayName: "Bea",
  realJid: "bea@example.org/1",
  isModerator: false,
  sources: {},
  raisedHandAt: null,
  isReachable: true,
};
const CAI: Participant = { ...BEA, id: "cccccccc", displayName: "Cai" };

function stateAfter(...events: ConferenceEvent[]): Conference {
  return events.reduce(apply, initialConference);
}

const JOINED: ConferenceEvent[] = [
  { kind: "connecting", room: "plaza", displayName: "Ana" },
  { kind: "entering", ownId: "aaaaaaaa" },
  { kind: "endpoint-changed", participant: BEA, at: 1 },
  { kind: "joined", at: 2 },
];

test("whoever was there before is not announced, whoever comes is", () => {
  const state = stateAfter(...JOINED, { kind: "endpoint-changed", participant: CAI, at: 3 });
  expect(state.participants.map((each) => each.id)).toEqual(["bbbbbbbb", "cccccccc"]);
  expect(state.notices.map(({ kind, name }) => [kind, name])).toEqual([["joined", "Cai"]]);
});

test("people keep their place whatever they do", () => {
  const state = stateAfter(
    ...JOINED,
    { kind: "endpoint-changed", participant: CAI, at: 3 },
    { kind: "speaker-changed", endpoint: CAI.id, at: 3 },
    { kind: "endpoint-changed", participant: { ...BEA, raisedHandAt: 9 }, at: 4 },
  );
  expect(state.participants.map((each) => each.id)).toEqual(["bbbbbbbb", "cccccccc"]);
  expect(state.notices.at(-1)).toMatchObject({ kind: "hand-raised", name: "Bea" });
});

test("a screen is announced when it starts and when it ends", () => {
  const sharing = {
    ...BEA,
    sources: { "bbbbbbbb-v1": { muted: false, videoType: "desktop" as const } },
  };
  const state = stateAfter(
    ...JOINED,
    { kind: "endpoint-changed", participant: sharing, at: 3 },
    { kind: "endpoint-changed", participant: BEA, at: 4 },
  );
  expect(state.notices.map((notice) => notice.kind)).toEqual([
    "sharing-started",
    "sharing-stopped",
  ]);
});

test("whoever leaves is neither speaking nor the speaker any more", () => {
  const state = stateAfter(
    ...JOINED,
    { kind: "speaker-changed", endpoint: BEA.id, at: 3 },
    { kind: "speaking-changed", endpoints: [BEA.id] },
    { kind: "endpoint-left", endpoint: BEA.id, how: "left", at: 5 },
  );
  expect(state).toMatchObject({ participants: [], dominantSpeaker: null, speaking: [] });
  expect(state.notices.at(-1)?.kind).toBe("left");
});

describe("a lost connection", () => {
  const lost = stateAfter(
    ...JOINED,
    { kind: "connection-lost" },
    { kind: "reconnecting", attempt: 2 },
  );

  test("keeps everybody in sight", () => {
    expect(lost).toMatchObject({ phase: "reconnecting", attempt: 2 });
    expect(lost.participants).toHaveLength(1);
  });

  test("ends with a new seat, the time since the first one, and a word about it", () => {
    const back = [
      { kind: "entering", ownId: "dddddddd" } as const,
      { kind: "joined", at: 90 } as const,
    ].reduce<Conference>(apply, lost);
    expect(back).toMatchObject({
      phase: "joined",
      ownId: "dddddddd",
      joinedAt: 2,
      attempt: 0,
      participants: [],
    });
    expect(back.notices.at(-1)?.kind).toBe("back-online");
  });

  test("is not told as waiting when the server asks for patience", () => {
    expect(apply(lost, { kind: "asked-to-wait", forHost: false }).phase).toBe("reconnecting");
    expect(stateAfter({ kind: "asked-to-wait", forHost: false }).phase).toBe("waiting");
  });
});

test("reactions fade", () => {
  const state = stateAfter(
    { kind: "reaction-shown", from: "x", reaction: "clap", at: 10 },
    { kind: "reaction-shown", from: "x", reaction: "like", at: 20 },
    { kind: "reactions-faded", before: 10 },
  );
  expect(state.reactions.map((each) => each.reaction)).toEqual(["like"]);
});

test("an interruption is said once, and its end once", () => {
  const state = stateAfter(
    { kind: "media-interrupted", interrupted: true, at: 1 },
    { kind: "media-interrupted", interrupted: true, at: 2 },
    { kind: "media-interrupted", interrupted: false, at: 3 },
    { kind: "media-interrupted", interrupted: false, at: 4 },
  );
  expect(state.notices.map((notice) => notice.kind)).toEqual([
    "media-interrupted",
    "media-restored",
  ]);
});

test("removed, failed and left empty the room", () => {
  for (const event of [
    { kind: "removed", reason: "", by: "Bea", isBanned: false },
    { kind: "failed", problem: "room-full", reason: "" },
    { kind: "left" },
  ] as const) {
    expect(stateAfter(...JOINED, event)).toMatchObject({ participants: [], mediaPath: "none" });
  }
});

test("whom we removed for good stands once, until that is taken back", () => {
  const who = { jid: "bea@guests.example.org", name: "Bea" };
  const banned = stateAfter(
    ...JOINED,
    { kind: "banned", who },
    { kind: "banned", who: { ...who, name: "Beatriz" } },
  );
  expect(banned.banned).toEqual([{ ...who, name: "Beatriz" }]);
  expect(
    stateAfter(...JOINED, { kind: "banned", who }, { kind: "ban-lifted", jid: who.jid }),
  ).toEqual(stateAfter(...JOINED));
});

test("the state can be written to JSON and read back", () => {
  const state = stateAfter(...JOINED);
  expect(JSON.parse(JSON.stringify(state))).toEqual(state);
});

describe("why pictures are small or missing", () => {
  const REASONS: ConferenceEvent[] = [
    ...JOINED,
    { kind: "media-path-changed", path: "bridge" },
    {
      kind: "picture-reasons-changed",
      changes: { "bbbbbbbb-v0": "your-downlink", "cccccccc-v0": "not-in-last-n" },
    },
  ];

  test("only what changed is said", () => {
    const state = stateAfter(...REASONS, {
      kind: "picture-reasons-changed",
      changes: { "bbbbbbbb-v0": null },
    });
    expect(state.pictureReasons).toEqual({ "cccccccc-v0": "not-in-last-n" });
  });

  test("a new channel begins with none, and without a bridge there are none", () => {
    for (const event of [
      { kind: "picture-reasons-unknown" },
      { kind: "media-path-changed", path: "p2p" },
      { kind: "entering", ownId: "aaaaaaab" },
    ] as const) {
      expect(stateAfter(...REASONS, event).pictureReasons).toEqual({});
    }
  });
});
