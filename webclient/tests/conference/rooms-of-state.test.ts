/** The parts of the state that belong to what happens around the talking. */
import { describe, expect, test } from "vitest";
import {
  apply,
  type Conference,
  type ConferenceEvent,
  initialConference,
} from "../../src/conference/state";
import { handsInOrder } from "../../src/conference/state/people";
import { may, NO_RULES, obstacle } from "../../src/conference/state/rules";
import { timesAt } from "../../src/conference/state/speaker-times";
import { parsePolls } from "../../src/protocol/polls";
import { OPEN_TO_ALL } from "../../src/protocol/room-metadata";
import { line } from "./lines";

const HERE: ConferenceEvent[] = [
  { kind: "connecting", room: "plaza", displayName: "Ana" },
  { kind: "entering", ownId: "aaaaaaaa" },
  { kind: "joined", at: 1 },
];

function stateAfter(...events: ConferenceEvent[]): Conference {
  return [...HERE, ...events].reduce(apply, initialConference);
}

function kinds(state: Conference): string[] {
  return state.notices.map((notice) => notice.kind);
}

describe("chat", () => {
  const said: ConferenceEvent = { kind: "chat-received", entry: line({}) };
  const change = (
    event: Extract<ConferenceEvent, { kind: "chat-changed" }>["change"],
    byModerator = false,
  ) => ({ kind: "chat-changed", change: event, byModerator }) as const;

  test("told twice is kept once", () => {
    expect(stateAfter(said, said).chat).toHaveLength(1);
  });

  test("a private line of one's own that is refused says so, and no other line", () => {
    const own: ConferenceEvent = {
      kind: "chat-received",
      entry: line({ id: "m2", isOwn: true, isPrivate: true }),
    };
    const refused = (id: string): ConferenceEvent => ({ kind: "chat-line-refused", id });
    const state = stateAfter(said, own, refused("m1"), refused("m2"), refused(""));
    expect(state.chat.map((each) => each.isRefused)).toEqual([undefined, true]);
  });

  test("is edited by its author only", () => {
    const edit = (from: string) => change({ kind: "edited", target: "m1", from, body: "hello" });
    expect(stateAfter(said, edit("bbbbbbbb")).chat[0]).toMatchObject({
      body: "hello",
      isEdited: true,
    });
    expect(stateAfter(said, edit("cccccccc")).chat[0]).toMatchObject({
      body: "hi",
      isEdited: false,
    });
  });

  test("is taken back by its author or a moderator, and stays so", () => {
    const back = (from: string, byModerator: boolean) =>
      change({ kind: "retracted", target: "m1", from }, byModerator);
    expect(stateAfter(said, back("cccccccc", false)).chat[0]?.isRetracted).toBe(false);
    expect(stateAfter(said, back("cccccccc", true)).chat[0]).toMatchObject({
      body: "",
      isRetracted: true,
    });
    expect(
      stateAfter(
        said,
        back("bbbbbbbb", false),
        change({ kind: "edited", target: "m1", from: "bbbbbbbb", body: "again" }),
      ).chat[0],
    ).toMatchObject({ body: "", isRetracted: true });
  });

  test("keeps one set of reactions for each person", () => {
    const react = (from: string, ...emoji: string[]) =>
      change({ kind: "reacted", target: "m1", from, emoji });
    const state = stateAfter(said, react("x", "👍", "🎉"), react("y", "👍"), react("x", "🎉"));
    expect(state.chat[0]?.reactions).toEqual({ "👍": ["y"], "🎉": ["x"] });
  });
});

describe("asking before speaking", () => {
  const on: ConferenceEvent = {
    kind: "av-moderation",
    message: { kind: "switched", media: "audio", isOn: true, actor: "m" },
    at: 2,
  };
  const allowed: ConferenceEvent = {
    kind: "av-moderation",
    message: { kind: "own", media: "audio", isAllowed: true },
    at: 3,
  };

  test("holds until one is allowed, and again when it is switched anew", () => {
    expect(obstacle(stateAfter(on).rules, "audio", { id: "x", isModerator: false })).toBe(
      "must-ask",
    );
    expect(obstacle(stateAfter(on).rules, "video", { id: "x", isModerator: false })).toBe(null);
    expect(obstacle(stateAfter(on).rules, "audio", { id: "x", isModerator: true })).toBe(null);
    expect(obstacle(stateAfter(on, allowed).rules, "audio", { id: "x", isModerator: false })).toBe(
      null,
    );
    const off = { ...on, message: { ...on.message, isOn: false } } as ConferenceEvent;
    expect(
      obstacle(stateAfter(on, allowed, off, on).rules, "audio", { id: "x", isModerator: false }),
    ).toBe("must-ask");
  });

  test("is said in words, once", () => {
    expect(kinds(stateAfter(on, on, allowed))).toEqual(["ask-first-audio", "allowed-audio"]);
  });

  test("a new seat begins without it, because the room tells newcomers", () => {
    expect(stateAfter(on, { kind: "entering", ownId: "dddddddd" }).rules.speech.audio.isOn).toBe(
      false,
    );
  });
});

test("what is kept for some is for them and for whoever may more", () => {
  const rules = {
    ...NO_RULES,
    metadata: {
      ...NO_RULES.metadata,
      permissions: { ...OPEN_TO_ALL, chat: "moderators", screen: "presenters" } as const,
      presenters: ["p"],
    },
  };
  const guest = { id: "g", isModerator: false };
  const presenter = { id: "p", isModerator: false };
  const moderator = { id: "m", isModerator: true };
  const who = [guest, presenter, moderator];
  expect(who.map((each) => may(rules, "chat", each))).toEqual([false, false, true]);
  expect(who.map((each) => may(rules, "files", each))).toEqual([true, true, true]);
  expect(who.map((each) => obstacle(rules, "desktop", each))).toEqual([
    "not-permitted",
    null,
    null,
  ]);
});

test("hands are in the order in which they went up", () => {
  const people = [3, null, 1, 2].map((raisedHandAt) => ({ raisedHandAt }));
  expect(handsInOrder(people).map((each) => each.raisedHandAt)).toEqual([1, 2, 3]);
});

describe("the lobby", () => {
  const knock = (id: string, at: number): ConferenceEvent => ({
    kind: "lobby",
    event: { kind: "knocked", person: { id, name: id, realJid: `${id}@x/1`, at } },
  });

  test("keeps people in the order in which they knocked", () => {
    const state = stateAfter(knock("b", 1), knock("c", 2), knock("b", 9));
    expect(state.lobby.waiting.map(({ id, at }) => [id, at])).toEqual([
      ["b", 1],
      ["c", 2],
    ]);
    expect(
      stateAfter(knock("b", 1), { kind: "lobby", event: { kind: "gone", id: "b" } }).lobby.waiting,
    ).toEqual([]);
  });

  test("is a phase of its own on the waiting side, and its talk ends at the door", () => {
    const waiting = [
      HERE[0]!,
      { kind: "knocking", waitsForHost: true },
      {
        kind: "lobby",
        event: { kind: "said", line: { with: "", name: "", body: "hi", isOwn: true, at: 1 } },
      },
    ] satisfies ConferenceEvent[];
    const state = waiting.reduce(apply, initialConference);
    expect(state).toMatchObject({ phase: "knocking", waitsForHost: true });
    expect(state.lobby.lines).toHaveLength(1);
    expect(HERE.slice(1).reduce(apply, state)).toMatchObject({
      phase: "joined",
      lobby: { lines: [] },
    });
  });
});

describe("moving between rooms", () => {
  const there: ConferenceEvent = { kind: "moving", room: "g1@breakout.x", name: "Room A" };
  const arrived: ConferenceEvent[] = [
    { kind: "entering", ownId: "aaaaaaaa" },
    { kind: "joined", at: 9 },
  ];

  test("takes one there and back, with a word about it", () => {
    const state = stateAfter(there);
    expect(state).toMatchObject({ phase: "moving", breakouts: { hereName: "Room A" } });
    const inside = arrived.reduce(apply, state);
    expect(inside).toMatchObject({ phase: "joined", joinedAt: 1 });
    const back = [{ kind: "moving", room: "", name: "" } as const, ...arrived].reduce(
      apply,
      inside,
    );
    expect(kinds(back)).toEqual(["breakout-entered", "breakout-returned"]);
  });

  test("each room keeps its own chat", () => {
    const state = stateAfter({ kind: "chat-received", entry: line({}) }, there, ...arrived);
    expect(state.chat).toEqual([]);
    expect(apply(state, { kind: "moving", room: "", name: "" }).chat).toHaveLength(1);
  });
});

describe("polls of earlier meetings", () => {
  const told = (pollId: string, endedAt: number): ConferenceEvent => {
    const event = parsePolls({
      type: "polls",
      command: "earlier-poll",
      pollId,
      endedAt,
      question: "Tea?",
      answers: [{ name: "yes", votes: 2, voters: [{ id: "bea", name: "Bea" }] }],
      closed: true,
      voted: 2,
    });
    if (!event) throw new Error("no poll was read");
    return { kind: "poll", event, at: 0 };
  };

  test("the latest comes first, and each is there once however often it is told", () => {
    const state = stateAfter(told("p1", 1), told("p2", 2), told("p1", 3), told("p2", 2));
    expect(state.earlierPolls.map(({ poll, endedAt }) => [poll.id, endedAt])).toEqual([
      ["p1", 3],
      ["p2", 2],
      ["p1", 1],
    ]);
    expect(state.earlierPolls[0]?.poll).toMatchObject({ voted: 2, choices: [{ votes: 2 }] });
    expect(state.polls).toEqual([]);
    expect(kinds(state)).toEqual([]);
  });
});

describe("polls", () => {
  const poll = {
    id: "p1",
    question: "Tea?",
    from: "mod",
    fromName: "Mo",
    choices: [
      { name: "yes", votes: 0, voters: [] },
      { name: "no", votes: 0, voters: [] },
    ],
    isMultiple: false,
    isAnonymous: false,
    isSecretUntilEnd: false,
    isClosed: false,
    ownAnswers: null,
    voted: 0,
  };
  const told = (event: Extract<ConferenceEvent, { kind: "poll" }>["event"]): ConferenceEvent => ({
    kind: "poll",
    event,
    at: 5,
  });
  const vote = (id: string, ...answers: boolean[]): ConferenceEvent =>
    told({ kind: "answered", pollId: "p1", voter: { id, name: id }, answers });

  test("the last answer of a person counts", () => {
    const state = stateAfter(
      told({ kind: "opened", poll }),
      vote("b", true, false),
      vote("c", true, false),
      vote("b", false, true),
    );
    expect(state.polls[0]).toMatchObject({ voted: 2, choices: [{ votes: 1 }, { votes: 1 }] });
    expect(kinds(state)).toEqual(["poll-opened"]);
  });

  test("an anonymous one shows totals and still knows what oneself chose", () => {
    const state = stateAfter(
      told({ kind: "opened", poll: { ...poll, isAnonymous: true } }),
      told({ kind: "own-vote", pollId: "p1", answers: [true, false] }),
      told({ kind: "counted", pollId: "p1", votes: [3, 1], voted: 4 }),
      told({ kind: "closed", pollId: "p1" }),
    );
    expect(state.polls[0]).toMatchObject({
      voted: 4,
      isClosed: true,
      ownAnswers: [true, false],
      choices: [{ votes: 3, voters: [] }, { votes: 1 }],
    });
  });
});

test("files come, go, and stand in the order of their time", () => {
  const file = (id: string, at: number) => ({
    id,
    name: id,
    size: 1,
    mediaType: "",
    from: "b",
    fromName: "Bea",
    at,
  });
  const event = (what: Extract<ConferenceEvent, { kind: "file" }>["event"]): ConferenceEvent => ({
    kind: "file",
    event: what,
    at: 5,
  });
  const state = stateAfter(
    event({ kind: "known", files: [file("b", 2), file("a", 1)] }),
    event({ kind: "added", file: file("c", 3) }),
    event({ kind: "removed", fileId: "a" }),
  );
  expect(state.files.shared.map((each) => each.id)).toEqual(["b", "c"]);
  expect(kinds(state)).toEqual(["file-shared"]);
});

test("speaking time runs for whoever is the speaker", () => {
  const state = stateAfter(
    {
      kind: "speaker-times-told",
      times: [{ id: "b", name: "Bea", ms: 10_000 }],
      at: 1_000,
    },
    { kind: "speaker-changed", endpoint: "b", at: 2_000 },
    { kind: "speaker-changed", endpoint: "c", at: 5_000 },
  );
  expect(timesAt(state.speakerTimes, 6_000)).toEqual({ b: 13_000, c: 1_000 });
});

describe("cameras that are required", () => {
  const bea: ConferenceEvent = {
    kind: "endpoint-changed",
    participant: {
      id: "bbbbbbbb",
      displayName: "Bea",
      realJid: "",
      isModerator: false,
      sources: {},
      raisedHandAt: null,
      isReachable: true,
    },
    at: 2,
  };
  const leads: ConferenceEvent = { kind: "own-role-changed", isModerator: true, at: 2 };
  const told = (missing: Record<string, number>): ConferenceEvent => ({
    kind: "cameras-told",
    missing,
    at: 3,
  });

  test("who leads is told once of each who has none", () => {
    const once = stateAfter(leads, bea, told({ bbbbbbbb: 1 }), told({ bbbbbbbb: 1 }));
    expect(once.withoutCamera).toEqual({ bbbbbbbb: 1 });
    expect(once.notices.filter((each) => each.kind === "without-camera")).toMatchObject([
      { name: "Bea" },
    ]);
    expect(apply(once, told({})).withoutCamera).toEqual({});
  });

  test("to the others it is no news", () => {
    expect(kinds(stateAfter(bea, told({ aaaaaaaa: 1 })))).not.toContain("without-camera");
  });

  test("it is told anew in every room", () => {
    const state = stateAfter(told({ aaaaaaaa: 1 }), { kind: "entering", ownId: "aaaaaaaa" });
    expect(state.withoutCamera).toEqual({});
  });
});
