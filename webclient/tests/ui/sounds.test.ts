import { describe, expect, test } from "vitest";
import { apply, type Conference, initialConference } from "../../src/conference/state";
import type { NoticeKind } from "../../src/conference/state/notices";
import { isForTalking } from "../../src/ui/meeting/talk-key";
import { soundsBetween } from "../../src/ui/sounds";

const joined: Conference = { ...initialConference, phase: "joined" };
const noticed = (state: Conference, notice: NoticeKind): Conference =>
  apply(state, { kind: "noticed", notice, name: "Bea", at: 1 });
const crowd = Array.from({ length: 12 }) as unknown as Conference["participants"];
const line = (id: string, change: object = {}) =>
  ({ id, isOwn: false, isHistory: false, ...change }) as unknown as Conference["chat"][number];
const waiting = { id: "w", name: "Carla", realJid: "", at: 1 };

describe("what is heard", () => {
  test.each<[string, Conference, Conference, readonly string[]]>([
    ["nothing happened", joined, joined, []],
    ["somebody comes", joined, noticed(joined, "joined"), ["join"]],
    [
      "two things at once",
      joined,
      noticed(noticed(joined, "left"), "hand-raised"),
      ["leave", "hand"],
    ],
    [
      "somebody comes to a crowd",
      { ...joined, participants: crowd },
      noticed({ ...joined, participants: crowd }, "joined"),
      [],
    ],
    ["before one is in", initialConference, noticed(joined, "joined"), []],
    ["a line", joined, { ...joined, chat: [line("1")] }, ["chat"]],
    ["one's own line", joined, { ...joined, chat: [line("1", { isOwn: true })] }, []],
    ["what was said before", joined, { ...joined, chat: [line("1", { isHistory: true })] }, []],
    [
      "a line that was changed",
      { ...joined, chat: [line("1")] },
      { ...joined, chat: [line("1")] },
      [],
    ],
    ["a knock", joined, { ...joined, lobby: { ...joined.lobby, waiting: [waiting] } }, ["knock"]],
  ])("%s", (_, before, after, heard) => {
    expect(soundsBetween(before, after)).toEqual(heard);
  });
});

describe("the space bar", () => {
  const press = (matching: readonly string[], keys: object = {}): KeyboardEvent => {
    const element = {
      closest: (selector: string) =>
        matching.some((name) => selector.split(", ").includes(name)) ? element : null,
    };
    return { key: " ", target: element, ...keys } as unknown as KeyboardEvent;
  };

  const left = press(["button"]);

  test.each<[string, KeyboardEvent, boolean]>([
    ["on the page", press([]), true],
    ["in a field", press(["input"]), false],
    ["in a menu", press(["[role=menu]"]), false],
    ["on a button that the keyboard reached", press(["button"]), false],
    ["on a button that was clicked", left, true],
    ["with another key", press([], { ctrlKey: true }), false],
    ["another key", press([], { key: "m" }), false],
  ])("%s", (_, event, isOurs) => {
    expect(isForTalking(event, left.target as Element)).toBe(isOurs);
  });
});
