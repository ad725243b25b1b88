// @vitest-environment happy-dom
import { expect, test } from "vitest";
import { addressOf, viewOf } from "../../../src/ui/admin/state";

test.each([
  ["", { kind: "now" }],
  ["#/nonsense", { kind: "now" }],
  ["#/rooms/plaza%2520mayor", { kind: "room", room: "plaza%20mayor" }],
  ["#/rooms/%E0", { kind: "room", room: "%E0" }],
  ["#/usage/2026-11", { kind: "usage", month: "2026-11" }],
  ["#/usage/../..", { kind: "usage", month: "" }],
] as const)("%s", (hash, view) => {
  expect(viewOf(hash)).toEqual(view);
});

test("every view has an address that leads back to it", () => {
  for (const view of [
    { kind: "now" },
    { kind: "room", room: "a%2520b c" },
    { kind: "usage", month: "2026-02" },
  ] as const) {
    expect(viewOf(addressOf(view))).toEqual(view);
  }
});
