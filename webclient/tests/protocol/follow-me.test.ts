import { expect, test } from "vitest";
import { buildFollowMe, buildFollowMeOff, parseFollowMe } from "../../src/protocol/follow-me";
import { xml } from "../../src/protocol/xml";

const from = (attrs: Record<string, string>) =>
  parseFollowMe(xml("presence", {}, xml("follow-me", attrs)));

test("what is said is what is read", () => {
  for (const spotlight of [
    { onStage: ["e5f60718"], isGrid: false },
    { onStage: ["e5f60718", "a1b2c3d4-v1"], isGrid: false },
    { onStage: [], isGrid: true },
  ]) {
    expect(parseFollowMe(xml("presence", {}, buildFollowMe(spotlight)))).toEqual(spotlight);
  }
});

test("a stock client finds the person in both places it looks at", () => {
  expect(buildFollowMe({ onStage: ["e5f60718"], isGrid: false }).attrs).toEqual({
    filmstripVisible: "true",
    tileViewEnabled: "false",
    sharedDocumentVisible: "false",
    nextOnStage: "e5f60718",
    pinnedStageParticipants: '[{"participantId":"e5f60718","pinned":true}]',
    maxStageParticipants: "1",
  });
});

test("a stock client that pins one, or shows everybody the same size", () => {
  const common = { filmstripVisible: "true", sharedDocumentVisible: "false" };
  expect(from({ ...common, tileViewEnabled: "false", nextOnStage: "e5f60718" })).toEqual({
    onStage: ["e5f60718"],
    isGrid: false,
  });
  expect(from({ ...common, tileViewEnabled: "true", nextOnStage: "e5f60718" })).toEqual({
    onStage: [],
    isGrid: true,
  });
});

test("off, absent or damaged is nothing at all", () => {
  expect(parseFollowMe(xml("presence"))).toBeNull();
  expect(parseFollowMe(xml("presence", {}, buildFollowMeOff()))).toBeNull();
  for (const pinnedStageParticipants of ["{", "7", "[null,3]", '[{"participantId":3}]']) {
    expect(from({ pinnedStageParticipants })).toEqual({ onStage: [], isGrid: false });
  }
});
