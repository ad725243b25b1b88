// @vitest-environment happy-dom
// @vitest-environment-options { "settings": { "navigation": { "disableChildFrameNavigation": true } } }
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { addressOf, JitsiMeetExternalAPI } from "../../src/embedding/external-api";
import { COMMANDS, EVENTS, readCommand } from "../../src/embedding/wire";

const ORIGIN = "https://meet.example.org:8443";
let api: JitsiMeetExternalAPI;
let frame: string;

beforeEach(() => {
  api = new JitsiMeetExternalAPI("meet.example.org:8443", { roomName: "plaza" });
  frame = api.getIFrame().name.replace("tertulia-", "");
});

afterEach(() => api.dispose());

function hear(name: string, data: object, from: object = {}): void {
  const event = new MessageEvent("message", {
    data: { tertulia: "event", frame, name, data },
    origin: ORIGIN,
    source: api.getIFrame().contentWindow,
    ...from,
  });
  window.dispatchEvent(event);
}

test("the address says who embeds it, and carries only what counts", () => {
  const url = addressOf(
    "meet.example.org",
    {
      roomName: "Plaza Mayor",
      jwt: "a.b.c",
      userInfo: { displayName: "Ana", email: "ana@example.org" },
      configOverwrite: {
        startWithAudioMuted: true,
        prejoinConfig: { enabled: false },
        websocket: "wss://evil.example",
      },
    },
    "0",
  );
  const hash = Object.fromEntries(new URLSearchParams(url.hash.slice(1)));

  expect(url.origin + url.pathname + url.search).toBe(
    "https://meet.example.org/Plaza%20Mayor?jwt=a.b.c",
  );
  expect(hash).toEqual({
    jitsi_meet_external_api_id: "0",
    "external_api.origin": window.location.origin,
    "userInfo.displayName": '"Ana"',
    "config.startWithAudioMuted": "true",
    "config.prejoinConfig.enabled": "false",
  });
});

test("listeners and getters follow what the meeting tells", async () => {
  const joined = vi.fn();
  api.addListener("participantJoined", joined);
  hear("ready", {});
  hear("videoConferenceJoined", { id: "a", displayName: "Ana" });
  hear("participantJoined", { id: "b", displayName: "Bea" });
  hear("audioMuteStatusChanged", { muted: false });

  expect(joined).toHaveBeenCalledExactlyOnceWith({ id: "b", displayName: "Bea" });
  expect(api.getNumberOfParticipants()).toBe(2);
  expect(api.getDisplayName("b")).toBe("Bea");
  expect(await api.isAudioMuted()).toBe(false);
});

test.each([
  ["another origin", { origin: "https://evil.example" }],
  ["another window", { source: window }],
])("what comes from %s is not heard", (_, from) => {
  const joined = vi.fn();
  api.addListener("participantJoined", joined);
  hear("participantJoined", { id: "b", displayName: "Eva" }, from);

  expect(joined).not.toHaveBeenCalled();
  expect(api.getNumberOfParticipants()).toBe(0);
});

test("commands wait until the meeting listens, and go to its origin alone", () => {
  const post = vi.spyOn(api.getIFrame().contentWindow!, "postMessage");
  api.executeCommand("displayName", "Ana");
  expect(post).not.toHaveBeenCalled();
  hear("ready", {});

  expect(post).toHaveBeenCalledExactlyOnceWith(
    { tertulia: "command", frame, name: "displayName", args: ["Ana"] },
    ORIGIN,
  );
});

test.each([
  null,
  "toggleAudio",
  { tertulia: "command", frame: "0", name: "eval", args: [] },
  { tertulia: "command", frame: "0", name: "constructor", args: [] },
  { tertulia: "command", frame: "0", name: "displayName", args: [{ a: 1 }] },
  { tertulia: "command", frame: "0", name: "displayName", args: ["x".repeat(20_000)] },
  { tertulia: "command", frame: "1", name: "hangup", args: [] },
])("no command: %j", (data) => {
  expect(readCommand(data, "0")).toBeUndefined();
});

test("the manual lists exactly what is supported", () => {
  const manual = readFileSync(resolve(import.meta.dirname, "../../../docs/embedding.md"), "utf8");
  const listed = (title: string): string[] => {
    const section = manual.split(`## ${title}`)[1]!.split("\n## ")[0]!;
    return [...section.matchAll(/^\| `(\w+)`/gm)].map((row) => row[1]!).sort();
  };

  expect(listed("Commands")).toEqual([...COMMANDS].sort());
  expect(listed("Events")).toEqual([...EVENTS].sort());
  const methods = Object.getOwnPropertyNames(JitsiMeetExternalAPI.prototype);
  const inside = ["constructor", "post", "note"];
  expect(listed("Methods")).toEqual(methods.filter((each) => !inside.includes(each)).sort());
});
