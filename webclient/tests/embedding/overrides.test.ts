import { expect, test } from "vitest";
import { readOverrides } from "../../src/embedding/overrides";

const NOTHING = readOverrides("");

test("Jitsi's parameters are read as Jitsi writes them", () => {
  const hash = new URLSearchParams({
    "userInfo.displayName": '"Ana María"',
    "config.startWithAudioMuted": "true",
    "config.startWithVideoMuted": "false",
    "config.prejoinConfig.enabled": "false",
    "config.p2p.enabled": "false",
    lang: '"it"',
  });

  expect(readOverrides(`#${hash}`)).toEqual({
    displayName: "Ana María",
    microphone: false,
    camera: true,
    skipCheck: true,
    p2p: false,
    language: "it",
  });
});

test.each([
  "#config.websocket=%22wss%3A%2F%2Fevil.example%22&config.hosts.domain=%22evil%22",
  "#__proto__.displayName=%22x%22&constructor.prototype.p2p=true&config.__proto__.p2p=true",
  '#userInfo.displayName={"toString":"x"}&config.p2p.enabled="yes"',
  "#userInfo.displayName=%20&config.startWithAudioMuted=1",
])("nothing else is taken from an address: %s", (hash) => {
  expect(readOverrides(hash)).toEqual(NOTHING);
  expect(({} as Record<string, unknown>).displayName).toBeUndefined();
});

test("a name is cut to what a name may be", () => {
  const hash = `#userInfo.displayName=${"x".repeat(500)}`;
  expect(readOverrides(hash).displayName).toHaveLength(80);
});
