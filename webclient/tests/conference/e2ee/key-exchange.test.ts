import { beforeAll, expect, test, vi } from "vitest";
import { SECRET_BYTES } from "../../../src/protocol/e2ee/frames";
import { type Client, Room, startOlm } from "./dialogue";

beforeAll(startOlm);

function secret(fill: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(SECRET_BYTES).fill(fill);
}

async function on(room: Room, client: Client, fill: number): Promise<void> {
  client.turn(true);
  const started = client.exchange.start(secret(fill));
  await room.settle();
  await started;
  await room.settle();
}

test("the lower id asks, and both have each other's secret in the end", async () => {
  const room = new Room();
  const [ana, bea] = [room.enter("a"), room.enter("b")];
  await on(room, bea, 2);
  await on(room, ana, 1);

  expect(room.transcript).toEqual([
    "a > b: session-init",
    "b > a: session-ack",
    "a > b: key-info",
    "b > a: key-info-ack",
  ]);
  expect(ana.secretOf("b")).toBe(secret(2).join());
  expect(bea.secretOf("a")).toBe(secret(1).join());
});

test("a rotated secret reaches everybody who encrypts, with the next index", async () => {
  const room = new Room();
  const [ana, bea, cyd] = [room.enter("a"), room.enter("b"), room.enter("c")];
  await on(room, ana, 1);
  await on(room, bea, 2);
  const rotated = ana.exchange.rotate(secret(9));
  await room.settle();

  expect((await rotated).index).toBe(1);
  expect(bea.secrets.get("a")).toEqual({ bytes: secret(9), index: 1 });
  expect(cyd.secrets.size).toBe(0);
});

test("whoever encrypts is told when somebody stops", async () => {
  const room = new Room();
  const [ana, bea] = [room.enter("a"), room.enter("b")];
  await on(room, ana, 1);
  await on(room, bea, 2);
  ana.exchange.stop();
  ana.turn(false);
  await room.settle();

  expect(bea.secrets.get("a")).toBeNull();
});

test("off and on again, and a partner that has kept its session, as stock clients do", async () => {
  const room = new Room();
  const [ana, bea] = [room.enter("a"), room.enter("b")];
  await on(room, ana, 1);
  await on(room, bea, 2);
  ana.exchange.stop();
  ana.turn(false);
  await room.settle();
  // It refuses a second session instead of replacing the first.
  room.tamper = (_from, to, message) => {
    if (to !== "b" || message.type !== "session-init") return message;
    room.post("b", "a", { type: "error", data: { error: "Session already established" } });
    return null;
  };
  await on(room, ana, 7);

  expect(bea.secretOf("a")).toBe(secret(7).join());
  expect(ana.secretOf("b")).toBe(secret(2).join());
});

test("a question without an answer is asked three times", async () => {
  vi.useFakeTimers();
  try {
    const room = new Room();
    const [ana, bea] = [room.enter("a"), room.enter("b")];
    room.tamper = () => null;
    bea.turn(true);
    void ana.exchange.start(secret(1));
    for (let time = 0; time < 5; time += 1) {
      await room.settle();
      await vi.advanceTimersByTimeAsync(5_000);
    }

    expect(room.transcript).toEqual(Array(3).fill("a > b: session-init"));
  } finally {
    vi.useRealTimers();
  }
});

test("a session with another identity than the presence says is refused", async () => {
  const room = new Room();
  const [ana, bea, eva] = [room.enter("a"), room.enter("b"), room.enter("e")];
  bea.turn(true);
  // The room puts somebody else's keys where Ana's were.
  room.tamper = (from, _to, message) =>
    from === "a" && message.type === "session-init"
      ? { ...message, data: { ...message.data, idKey: eva.account.identity.curve25519 } }
      : message;
  ana.turn(true);
  void ana.exchange.start(secret(1));
  await room.settle();

  expect(room.transcript.slice(0, 2)).toEqual(["a > b: session-init", "b > a: error"]);
  expect(bea.exchange.sessionKey("a")).toBeNull();
});

test("messages that cannot be decrypted change nothing", async () => {
  const room = new Room();
  const [ana, bea] = [room.enter("a"), room.enter("b")];
  await on(room, ana, 1);
  await on(room, bea, 2);
  ana.exchange.receive("b", {
    type: "key-info",
    data: { uuid: "u", ciphertext: { type: 1, body: "AAAA" } },
  });
  await room.settle();

  expect(room.transcript.at(-1)).toBe("a > b: error");
  expect(ana.secretOf("b")).toBe(secret(2).join());
});
