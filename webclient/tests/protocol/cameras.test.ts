import { expect, test } from "vitest";
import { parseCameras } from "../../src/protocol/cameras";

test("times are those of the clock here, whatever the server's says", () => {
  const told = { missing: { bbbbbbbb: 40_000, cccccccc: "soon" }, now: 60_000 };
  expect(parseCameras(told, 1_000_000)).toEqual({ bbbbbbbb: 980_000 });
});

test.each([{}, { missing: null }, { missing: [1] }, { missing: {} }])(
  "who names nobody means nobody: %j",
  (payload) => {
    expect(parseCameras(payload, 7)).toEqual({});
  },
);
