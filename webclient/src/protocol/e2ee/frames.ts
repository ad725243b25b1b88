/**
 * Encrypted frames as stock clients write and read them: AES-GCM with a 128-bit key over the encoded
 * frame, a few bytes in front left readable, everything a receiver needs behind it.
 *
 *     | clear (10, 3 or 1) | ciphertext and tag | IV (12) | length of the IV (1) | key index (1) |
 *
 * The clear bytes are authenticated. They are what a bridge looks at: the VP8 frame header
 * (RFC 6386 §9.1; 10 bytes of a key frame, 3 of others), the first byte of Opus (RFC 6716 §3.1).
 * Source: the stock client's documentation of its end-to-end encryption, and its frames.
 */

export type FrameType = "key" | "delta" | "audio";

const CLEAR_BYTES: Readonly<Record<FrameType, number>> = { key: 10, delta: 3, audio: 1 };
const IV_BYTES = 12;
const TAG_BYTES = 16;
const TRAILER_BYTES = 2;
/** A key index is one byte on the wire, of which four bits count. */
const RING_SIZE = 16;
/** How many times a sender may have ratcheted its key since we heard it last. */
export const RATCHET_WINDOW = 8;
/** Of the secret that people send each other; keys are derived from it. */
export const SECRET_BYTES = 32;

type Bytes = Uint8Array<ArrayBuffer>;

const utf8 = new TextEncoder();

function material(secret: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits", "deriveKey"]);
}

function hkdf(salt: string): HkdfParams {
  return {
    name: "HKDF",
    hash: "SHA-256",
    salt: utf8.encode(salt),
    info: new Uint8Array(),
  };
}

async function frameKey(from: CryptoKey): Promise<CryptoKey> {
  const algorithm = { name: "AES-GCM", length: 128 };
  return crypto.subtle.deriveKey(hkdf("JFrameEncryptionKey"), from, algorithm, false, [
    "encrypt",
    "decrypt",
  ]);
}

async function ratchetedBits(from: CryptoKey): Promise<Bytes> {
  return new Uint8Array(
    await crypto.subtle.deriveBits(hkdf("JFrameRatchetKey"), from, 8 * SECRET_BYTES),
  );
}

/** The next secret after this one; nobody can go back from it. */
export async function ratchet(secret: Bytes): Promise<Bytes> {
  return ratchetedBits(await material(secret));
}

/** Encrypts what one participant sends, whatever the source. */
export class FrameSealer {
  private key: Promise<CryptoKey> | null = null;
  private index = 0;
  // One count for all streams: no two frames under one key may share an IV.
  private count = crypto.getRandomValues(new Uint32Array(1))[0]!;

  setSecret(secret: Bytes | null, index: number): void {
    this.index = index % RING_SIZE;
    this.key = secret === null ? null : material(secret).then(frameKey);
  }

  /** The encrypted frame; null when there is no key, or nothing that can be encrypted. */
  async seal(
    frame: ArrayBuffer,
    type: FrameType,
    ssrc: number,
    timestamp: number,
  ): Promise<ArrayBuffer | null> {
    const clear = CLEAR_BYTES[type];
    if (!this.key || frame.byteLength < clear) return null;
    const { key, index } = this;
    const iv = new Uint8Array(IV_BYTES);
    const view = new DataView(iv.buffer);
    view.setUint32(0, ssrc);
    view.setUint32(4, timestamp);
    view.setUint32(8, this.count);
    this.count = (this.count + 1) >>> 0;
    const head = new Uint8Array(frame, 0, clear);
    const sealed = await crypto.subtle.encrypt(
      { name: "AES-GCM", iv, additionalData: head },
      await key,
      new Uint8Array(frame, clear),
    );
    const out = new Uint8Array(clear + sealed.byteLength + IV_BYTES + TRAILER_BYTES);
    out.set(head);
    out.set(new Uint8Array(sealed), clear);
    out.set(iv, clear + sealed.byteLength);
    out.set([IV_BYTES, index], out.length - TRAILER_BYTES);
    return out.buffer;
  }
}

/** One secret and those ratcheted from it, as far as they are needed; each derived once. */
class Chain {
  private readonly materials: Promise<CryptoKey>[];
  private readonly keys: (Promise<CryptoKey> | null)[] = [];
  /** Where the sender is, as far as we know. */
  position = 0;

  constructor(secret: Bytes) {
    this.materials = [material(secret)];
  }

  key(position: number): Promise<CryptoKey> | null {
    while (this.materials.length <= position) {
      this.materials.push(this.materials.at(-1)!.then(ratchetedBits).then(material));
    }
    if (this.keys[position] === undefined) {
      this.keys[position] = this.materials[position]!.then(frameKey);
    }
    return this.keys[position];
  }

  /** Frames of the position before may still be under way; older ones are not read any more. */
  advance(position: number): void {
    if (position <= this.position) return;
    this.position = position;
    for (let old = 0; old < position - 1; old += 1) this.keys[old] = null;
  }

  /** Where to look for the key of a frame, likeliest first. */
  positions(): number[] {
    const ahead = Array.from({ length: RATCHET_WINDOW + 1 }, (_, step) => this.position + step);
    const [now, ...later] = ahead;
    return [now!, ...(this.position > 0 ? [this.position - 1] : []), ...later];
  }
}

/** Decrypts what one participant sends. */
export class FrameOpener {
  private readonly ring = new Map<number, Chain>();

  get hasKey(): boolean {
    return this.ring.size > 0;
  }

  /** Take a secret; null forgets all there are. */
  setSecret(secret: Bytes | null, index: number): void {
    if (secret === null) this.ring.clear();
    else this.ring.set(index % RING_SIZE, new Chain(secret));
  }

  /** The frame as it was before encryption; null when it is not from who has the key. */
  async open(frame: ArrayBuffer, type: FrameType): Promise<ArrayBuffer | null> {
    const clear = CLEAR_BYTES[type];
    const size = frame.byteLength;
    if (size < clear + TAG_BYTES + IV_BYTES + TRAILER_BYTES) return null;
    const [ivLength, index] = new Uint8Array(frame, size - TRAILER_BYTES, TRAILER_BYTES);
    const chain = this.ring.get(index!);
    if (ivLength !== IV_BYTES || !chain) return null;
    const head = new Uint8Array(frame, 0, clear);
    const iv = new Uint8Array(frame, size - TRAILER_BYTES - IV_BYTES, IV_BYTES);
    const sealed = new Uint8Array(frame, clear, size - clear - IV_BYTES - TRAILER_BYTES);
    for (const position of chain.positions()) {
      const key = await chain.key(position);
      if (!key) continue;
      try {
        const algorithm = { name: "AES-GCM", iv, additionalData: head };
        const body = await crypto.subtle.decrypt(algorithm, key, sealed);
        chain.advance(position);
        const out = new Uint8Array(clear + body.byteLength);
        out.set(head);
        out.set(new Uint8Array(body), clear);
        return out.buffer;
      } catch {
        // Not this key: the tag says so. Nothing of the frame has been used.
      }
    }
    return null;
  }
}
