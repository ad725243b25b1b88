import { describe, expect, test } from "vitest";
import {
  buildEncryptionPresence,
  buildOlmMessage,
  type OlmMessage,
  olmIn,
  parseEncryptionPresence,
  parseOlmMessage,
} from "../../../src/protocol/e2ee/messages";
import { xml } from "../../../src/protocol/xml";

const CIPHERTEXT = { type: 1, body: "AwogPW" } as const;

const MESSAGES: readonly OlmMessage[] = [
  { type: "session-init", data: { idKey: "i", otKey: "o", uuid: "u" } },
  { type: "session-ack", data: { ciphertext: { type: 0, body: "Awog" }, uuid: "u" } },
  { type: "key-info", data: { ciphertext: CIPHERTEXT, uuid: "u" } },
  { type: "key-info-ack", data: { ciphertext: CIPHERTEXT, uuid: "u" } },
  { type: "sas-start", data: { transactionId: "t" } },
  { type: "sas-accept", data: { commitment: "c", transactionId: "t" } },
  { type: "sas-key", data: { key: "k", transactionId: "t" } },
  { type: "sas-mac", data: { mac: { "ed25519:a": "m" }, keys: "k", transactionId: "t" } },
  { type: "error", data: { error: "Invalid UUID" } },
];

test.each(MESSAGES)("$type is read as it is written", (message) => {
  const stanza = buildOlmMessage("plaza@conference.example.org/b1b2c3d4", message);
  const from = { ...stanza.attrs, from: "plaza@conference.example.org/a1b2c3d4" };

  const found = olmIn({ ...stanza, attrs: from });

  expect(found?.from).toBe("a1b2c3d4");
  expect(parseOlmMessage(found?.olm)).toEqual(message);
});

test("what is said to everybody is not an exchange of keys", () => {
  const stanza = buildOlmMessage("plaza@conference.example.org", MESSAGES[0]!);
  const attrs = { ...stanza.attrs, type: "groupchat", from: "plaza@conference.example.org/a1" };

  expect(olmIn({ ...stanza, attrs })).toBeUndefined();
});

describe("nonsense is nothing", () => {
  test.each([
    null,
    "olm",
    {},
    { type: "session-init" },
    { type: "session-init", data: { idKey: 1, otKey: "o", uuid: "u" } },
    { type: "session-ack", data: { uuid: "u", ciphertext: { type: 2, body: "x" } } },
    { type: "key-info", data: { uuid: "u", ciphertext: "x" } },
    { type: "key-info", data: { uuid: "u", ciphertext: { type: 1, body: "x".repeat(3_000) } } },
    { type: "sas-mac", data: { mac: {}, keys: "k", transactionId: "t" } },
    { type: "sas-mac", data: { mac: { a: 1 }, keys: "k", transactionId: "t" } },
    { type: "unheard-of", data: {} },
  ])("%j", (olm) => {
    expect(parseOlmMessage(olm)).toBeUndefined();
  });
});

test("presence says who encrypts, with which keys", () => {
  const own = {
    isSupported: true,
    isOn: true,
    identity: { curve25519: "cccc", ed25519: "eeee" },
  };
  const presence = xml("presence", {}, ...buildEncryptionPresence(own));

  expect(parseEncryptionPresence(presence)).toEqual(own);
  expect(parseEncryptionPresence(xml("presence"))).toEqual({
    isSupported: false,
    isOn: false,
    identity: null,
  });
});
