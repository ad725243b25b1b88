import { describe, expect, test } from "vitest";
import { readTyped, usageOf } from "../../src/ui/meeting/chat-commands";

const people = [
  { id: "aa", displayName: "Ana" },
  { id: "ag", displayName: "Ana García" },
  { id: "bb", displayName: "Bea" },
  { id: "b2", displayName: "Bela" },
  { id: "xx", displayName: "" },
];
const typed = (text: string, isModerator = true) => readTyped(text, people, isModerator);

describe("what is said as it stands", () => {
  test.each([
    ["Hello", "Hello"],
    ["1/2 of it", "1/2 of it"],
    ["/", "/"],
    ["/ me", "/ me"],
    ["/etc/hosts is the file", "/etc/hosts is the file"],
    ["/2 is a half", "/2 is a half"],
    ["//kick is how you remove somebody", "/kick is how you remove somebody"],
  ])("%s", (text, body) => {
    expect(typed(text)).toEqual({ kind: "line", body });
  });
});

describe("commands", () => {
  test.each([
    ["/help", "help", "", ""],
    ["/Mute-All", "mute-all", "", ""],
    ["/hand  ", "hand", "", ""],
    ["/mute bea", "mute", "bb", ""],
    ["/mute Ana", "mute", "aa", ""],
    ["/mute ana g", "mute", "ag", ""],
    ["/kick ANA GARCÍA", "kick", "ag", ""],
    ["/msg Ana hello there", "msg", "aa", "hello there"],
    ["/msg ana garcía hello", "msg", "ag", "hello"],
    ["/msg Bel two\nlines", "msg", "b2", "two\nlines"],
  ])("%s", (text, name, person, body) => {
    expect(typed(text)).toEqual({ kind: "command", name, person, text: body });
  });

  test("those of moderators are for moderators", () => {
    for (const text of ["/mute-all", "/mute Ana", "/kick Ana"]) {
      expect(typed(text, false)).toMatchObject({ says: "command.forModerators" });
    }
    expect(typed("/msg Ana hello", false)).toMatchObject({ kind: "command" });
  });
});

describe("a mistake is told and never sent", () => {
  test.each([
    ["/kik Ana", "command.unknown", { command: "/kik" }],
    ["/constructor", "command.unknown", { command: "/constructor" }],
    ["/mute", "command.nameMissing", { command: "mute" }],
    ["/mute Zoe", "command.nobody", { name: "Zoe" }],
    ["/kick Ana and Bea", "command.nobody", { name: "Ana and Bea" }],
    ["/mute be", "command.several", { name: "be" }],
    ["/msg Ana", "command.textMissing", {}],
  ])("%s", (text, says, values) => {
    expect(typed(text)).toMatchObject({ kind: "mistake", says, values });
  });
});

test("how they are written", () => {
  expect(usageOf("hand", "NAME", "TEXT")).toBe("/hand");
  expect(usageOf("kick", "NAME", "TEXT")).toBe("/kick NAME");
  expect(usageOf("msg", "NAME", "TEXT")).toBe("/msg NAME TEXT");
});
