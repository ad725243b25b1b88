import { expect, test } from "vitest";
import { parseInside } from "../../src/protocol/inside";

test("what the server tells of a room", () => {
  const told = { people: 3, names: ["Ana", 7], startMuted: { audio: true, video: false } };
  expect(parseInside(told)).toEqual({
    people: 3,
    names: ["Ana"],
    startsMuted: true,
    startsWithoutCamera: false,
    isCameraRequired: false,
  });
  expect(parseInside({ people: 0 })).toMatchObject({ people: 0, names: [] });
  const exam = { people: null, cameraRequired: true };
  expect(parseInside(exam)).toMatchObject({ people: null, isCameraRequired: true });
});

test.each([[{ people: null }], [{ people: -1 }], [{ people: "3" }], [[]], [null], ["3"]])(
  "what is none of that is nothing: %j",
  (answer) => {
    expect(parseInside(answer)).toBeNull();
  },
);
