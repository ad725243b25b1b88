import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  FrameOpener,
  FrameSealer,
  type FrameType,
  RATCHET_WINDOW,
  ratchet,
  SECRET_BYTES,
} from "../../../src/protocol/e2ee/frames";

const SECRET = Uint8Array.from({ length: SECRET_BYTES }, (_, index) => index);
const FRAME = Uint8Array.from({ length: 40 }, (_, index) => 200 - index);
const CLEAR: Readonly<Record<FrameType, number>> = { key: 10, delta: 3, audio: 1 };

/** The same key, made by node's own crypto. */
function keyOf(secret: Uint8Array): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, "JFrameEncryptionKey", "", 16));
}

function nextOf(secret: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(hkdfSync("sha256", secret, "JFrameRatchetKey", "", 32));
}

/** Node's own encryption of a frame, with an IV of its choice. */
function sealed(
  frame: Uint8Array,
  type: FrameType,
  secret: Uint8Array,
  index: number,
): ArrayBuffer {
  const iv = randomBytes(12);
  const cipher = createCipheriv("aes-128-gcm", keyOf(secret), iv);
  const head = frame.slice(0, CLEAR[type]);
  cipher.setAAD(head);
  const body = Buffer.concat([cipher.update(frame.slice(CLEAR[type])), cipher.final()]);
  return new Uint8Array([...head, ...body, ...cipher.getAuthTag(), ...iv, 12, index]).buffer;
}

/** Node's own decryption; throws where the tag is wrong. */
function opened(data: ArrayBuffer, type: FrameType, secret: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data);
  const head = bytes.slice(0, CLEAR[type]);
  const decipher = createDecipheriv("aes-128-gcm", keyOf(secret), bytes.slice(-14, -2));
  decipher.setAAD(head);
  decipher.setAuthTag(bytes.slice(-30, -14));
  const body = [...decipher.update(bytes.slice(CLEAR[type], -30)), ...decipher.final()];
  return Uint8Array.from([...head, ...body]);
}

function sealer(secret: Uint8Array<ArrayBuffer> | null, index = 0): FrameSealer {
  const made = new FrameSealer();
  made.setSecret(secret, index);
  return made;
}

function opener(secret: Uint8Array<ArrayBuffer>, index = 0): FrameOpener {
  const made = new FrameOpener();
  made.setSecret(secret, index);
  return made;
}

describe.each(["key", "delta", "audio"] as const)("a %s frame", (type) => {
  test("can be read by another implementation", async () => {
    const out = await sealer(SECRET, 5).seal(FRAME.slice().buffer, type, 0x01020304, 99);

    expect(opened(out!, type, SECRET)).toEqual(FRAME);
    expect([...new Uint8Array(out!).slice(-2)]).toEqual([12, 5]);
    expect([...new Uint8Array(out!).slice(-14, -6)]).toEqual([1, 2, 3, 4, 0, 0, 0, 99]);
  });

  test("of another implementation can be read", async () => {
    const out = await opener(SECRET, 3).open(sealed(FRAME, type, SECRET, 3), type);

    expect(new Uint8Array(out!)).toEqual(FRAME);
  });

  test("with any byte changed is not given to a decoder", async () => {
    const frame = sealed(FRAME, type, SECRET, 0);
    for (let place = 0; place < frame.byteLength; place += 1) {
      const damaged = new Uint8Array(frame.slice(0));
      damaged[place]! ^= 0x11;
      expect(await opener(SECRET).open(damaged.buffer, type), `byte ${place}`).toBeNull();
    }
  });

  test("in the clear, or cut short, is not given to a decoder", async () => {
    const frame = sealed(FRAME, type, SECRET, 0);
    expect(await opener(SECRET).open(FRAME.slice().buffer, type)).toBeNull();
    for (let length = 0; length < frame.byteLength; length += 1) {
      expect(await opener(SECRET).open(frame.slice(0, length), type)).toBeNull();
    }
  });
});

test("without a key nothing is sent and nothing is read", async () => {
  expect(await sealer(null).seal(FRAME.slice().buffer, "audio", 1, 1)).toBeNull();
  expect(await new FrameOpener().open(sealed(FRAME, "audio", SECRET, 0), "audio")).toBeNull();
});

test("no two frames have the same IV", async () => {
  const one = sealer(SECRET);
  const ivs = new Set<string>();
  for (let count = 0; count < 200; count += 1) {
    const out = await one.seal(FRAME.slice().buffer, "delta", 7, 7);
    ivs.add(new Uint8Array(out!).slice(-14, -2).join());
  }
  expect(ivs.size).toBe(200);
});

test("ratcheting is the other implementation's", async () => {
  expect(await ratchet(SECRET)).toEqual(nextOf(SECRET));
});

test("a sender that has ratcheted is followed, as far as the window goes and not back", async () => {
  const one = opener(SECRET);
  let secret = SECRET;
  for (let step = 0; step < RATCHET_WINDOW; step += 1) secret = nextOf(secret);
  const beyond = nextOf(secret);

  expect(await one.open(sealed(FRAME, "audio", beyond, 0), "audio")).toBeNull();
  expect(await one.open(sealed(FRAME, "audio", secret, 0), "audio")).not.toBeNull();
  expect(await one.open(sealed(FRAME, "audio", SECRET, 0), "audio")).toBeNull();
  expect(await one.open(sealed(FRAME, "audio", beyond, 0), "audio")).not.toBeNull();
});

test("frames under way when the key changed are still read", async () => {
  const one = opener(SECRET, 1);
  const next = nextOf(SECRET);
  one.setSecret(next, 2);
  const ratcheted = nextOf(next);

  expect(await one.open(sealed(FRAME, "audio", SECRET, 1), "audio")).not.toBeNull();
  expect(await one.open(sealed(FRAME, "audio", ratcheted, 2), "audio")).not.toBeNull();
  expect(await one.open(sealed(FRAME, "audio", next, 2), "audio")).not.toBeNull();
});

test("who has stopped encrypting is not read with old keys", async () => {
  const one = opener(SECRET);
  one.setSecret(null, 1);
  expect(await one.open(sealed(FRAME, "audio", SECRET, 0), "audio")).toBeNull();
});
