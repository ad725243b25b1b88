import { beforeAll, beforeEach, expect, test } from "vitest";
import { decimalCode, pictureCode } from "../../../src/protocol/e2ee/comparison-code";
import { SECRET_BYTES } from "../../../src/protocol/e2ee/frames";
import { type Client, Room, startOlm } from "./dialogue";

beforeAll(startOlm);

let room: Room;
let ana: Client;
let bea: Client;

beforeEach(async () => {
  room = new Room();
  ana = room.enter("a");
  bea = room.enter("b");
  for (const one of [ana, bea]) {
    one.turn(true);
    void one.exchange.start(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)));
    await room.settle();
  }
  room.transcript.length = 0;
});

async function compare(): Promise<void> {
  ana.comparisons.start("b");
  await room.settle();
  for (const [one, other] of [
    [ana, "b"],
    [bea, "a"],
  ] as const) {
    one.comparisons.confirm(other, true);
    await room.settle();
  }
}

test("both see the same code, confirm it, and are verified", async () => {
  await compare();

  expect(room.transcript).toEqual([
    "a > b: sas-start",
    "b > a: sas-accept",
    "a > b: sas-key",
    "b > a: sas-key",
    "a > b: sas-mac",
    "b > a: sas-mac",
  ]);
  expect(ana.codes.get("b")).toBe(bea.codes.get("a"));
  expect([ana.results.get("b"), bea.results.get("a")]).toEqual(["verified", "verified"]);
});

test("a client that does not vouch for the session's keys counts as compared", async () => {
  room.tamper = (_from, _to, message) => {
    if (message.type !== "sas-mac") return message;
    const { session: _, ...data } = message.data;
    return { ...message, data };
  };
  await compare();

  expect([ana.results.get("b"), bea.results.get("a")]).toEqual(["compared", "compared"]);
});

test("a key in the middle gives two different codes", async () => {
  const eve = room.enter("e").account.sas();
  room.tamper = (from, _to, message) =>
    message.type === "sas-key" && from === "a"
      ? { ...message, data: { ...message.data, key: eve.publicKey } }
      : message;
  ana.comparisons.start("b");
  await room.settle();

  expect(bea.codes.get("a")).not.toBe(ana.codes.get("b"));
});

test("who answers cannot choose its key after seeing ours", async () => {
  const eve = room.enter("e").account.sas();
  room.tamper = (from, _to, message) =>
    message.type === "sas-key" && from === "b"
      ? { ...message, data: { ...message.data, key: eve.publicKey } }
      : message;
  ana.comparisons.start("b");
  await room.settle();

  expect(ana.results.get("b")).toBe("failed");
  expect(ana.codes.has("b")).toBe(false);
});

test.each(["ed25519", "curve25519"] as const)(
  "a room that lies about a %s key is found out",
  async (kind) => {
    const eve = room.enter("e").account.identity;
    if (kind === "ed25519") {
      bea.claimed = { ...bea.account.identity, ed25519: eve.ed25519 };
    } else {
      // Ana's session was made with somebody in the middle.
      ana.exchange.sessionKey = () => eve.curve25519;
    }
    await compare();

    expect(ana.results.get("b")).toBe("failed");
  },
);

test("different codes verify nobody", async () => {
  ana.comparisons.start("b");
  await room.settle();
  ana.comparisons.confirm("b", false);
  bea.comparisons.confirm("a", true);
  await room.settle();

  expect(ana.results.get("b")).toBe("failed");
  expect(bea.results.has("a")).toBe(false);
});

test("both may ask at once", async () => {
  ana.comparisons.start("b");
  bea.comparisons.start("a");
  await room.settle();

  expect(ana.codes.get("b")).toBeDefined();
  expect(ana.codes.get("b")).toBe(bea.codes.get("a"));
});

test("nothing is compared where there is no session", () => {
  const cyd = room.enter("c");
  cyd.comparisons.start("a");

  expect(cyd.results.get("a")).toBe("failed");
});

test("codes are those of the Matrix specification", () => {
  // 0b01000011 0b00001011 ...: worked out by hand.
  const bytes = Uint8Array.from([0x43, 0x0b, 0xff, 0x00, 0x81, 0x7e]);

  expect(decimalCode(bytes)).toEqual([1000 + 2145, 1000 + 4092, 1000 + 64]);
  expect(pictureCode(bytes)).toEqual([16, 48, 47, 63, 0, 8, 5]);
});
