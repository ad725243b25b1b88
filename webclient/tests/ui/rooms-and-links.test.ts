import { describe, expect, test } from "vitest";
import { roomNode } from "../../src/protocol/ids";
import { hueOf, initials } from "../../src/ui/avatar";
import { splitLinks } from "../../src/ui/links";
import { groupChat } from "../../src/ui/meeting/chat-grouping";
import { isGuessable, roomFromInput, suggestRoomName } from "../../src/ui/room-names";
import { line } from "../conference/lines";

describe.each(["en", "es", "fr", "it"] as const)("suggested names in %s", (language) => {
  test("are three words that need no escaping, and not guessable", () => {
    let turn = 0;
    for (let round = 0; round < 60; round++) {
      const name = suggestRoomName(language, (below) => turn++ % below);
      expect(name).toMatch(/^[a-z]+-[a-z]+-[a-z]+$/);
      expect(roomNode(name)).toBe(name);
      expect(isGuessable(name)).toBe(false);
    }
  });

  test("are many", () => {
    const sizes: number[] = [];
    suggestRoomName(language, (below) => {
      sizes.push(below);
      return 0;
    });
    expect(sizes).toHaveLength(3);
    expect(sizes.reduce((product, size) => product * size, 1)).toBeGreaterThan(100_000);
  });
});

test.each(["test", "Test1", "reunión", "sala 2", "aaaaaaaaaaaa", "12345678901", "equipo"])(
  "%s is guessable",
  (name) => expect(isGuessable(name)).toBe(true),
);

test.each(["", "luna-clara-serena", "comité de fiestas 2026"])("%j is not", (name) => {
  expect(isGuessable(name)).toBe(false);
});

test.each([
  ["https://meet.example/Plaza%20Mayor#name=x", "plaza-mayor"],
  ["  Plaza Mayor ", "plaza-mayor"],
  ["/tenant/room", "room"],
  ["https://meet.example/", ""],
  ["100%", "100%"],
])("%j leads to room %j", (input, room) => {
  expect(roomFromInput(input)).toBe(room);
});

describe("links in chat", () => {
  const shape = (text: string): string[] =>
    splitLinks(text).map((part) => (part.kind === "link" ? `<${part.href}>` : part.text));

  test("end before the sentence does", () => {
    expect(shape("see https://example.org/a?b=1.")).toEqual([
      "see ",
      "<https://example.org/a?b=1>",
      ".",
    ]);
    expect(shape("(https://example.org/x)")).toEqual(["(", "<https://example.org/x>", ")"]);
    expect(shape("https://example.org/a_(b)")).toEqual(["<https://example.org/a_(b)>"]);
  });

  test("are only http and https", () => {
    for (const text of [
      "javascript:alert(1)",
      "data:text/html,x",
      "file:///etc/passwd",
      "ftp://a",
    ]) {
      expect(shape(text)).toEqual([text]);
    }
  });

  test("never carry markup, and lose no text", () => {
    const text = 'a <img src=x onerror=1> https://example.org/"><script> b';
    expect(
      splitLinks(text)
        .map((part) => part.text)
        .join(""),
    ).toBe(text);
    expect(splitLinks(text).find((part) => part.kind === "link")?.text).toBe(
      "https://example.org/",
    );
  });

  test("that are none stay text", () => {
    expect(shape("https://")).toEqual(["https://"]);
    expect(shape("http://[broken")).toEqual(["http://[broken"]);
  });
});

test("initials come from the first and the last word, in any script", () => {
  expect(initials("Ana Beltrán")).toBe("AB");
  expect(initials("maximiliana guadalupe de la fuente")).toBe("MF");
  expect(initials("Łukasz")).toBe("Ł");
  expect(initials("山田 太郎")).toBe("山太");
  expect(initials("(x)")).toBe("X");
  expect(initials(" … ")).toBe("");
});

test("a colour belongs to an id", () => {
  expect(hueOf("a1b2c3d4")).toBe(hueOf("a1b2c3d4"));
  expect(hueOf("a1b2c3d4")).toBeLessThan(360);
});

test("messages of one person within a minute stand together", () => {
  const entry = (id: string, from: string, at: number) => line({ id, from, at });
  const groups = groupChat([
    entry("1", "a", 0),
    entry("2", "a", 30_000),
    entry("3", "b", 31_000),
    entry("4", "a", 32_000),
    entry("5", "a", 200_000),
  ]);
  expect(groups.map((group) => group.entries.map((each) => each.id))).toEqual([
    ["1", "2"],
    ["3"],
    ["4"],
    ["5"],
  ]);
});
