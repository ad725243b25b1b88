import { expect, test } from "vitest";
import { NO_RULES, type Rules, type SpeechRule } from "../../src/conference/state/rules";
import { turnsFor } from "../../src/ui/meeting/turns";

const BEA = { id: "bea", isModerator: false, isMuted: true };

function asking(speech: Partial<Record<"audio" | "video" | "desktop", readonly string[]>>): Rules {
  const rules = Object.entries(speech).map(([media, allowed]): [string, SpeechRule] => [
    media,
    { isOn: true, isAllowed: false, allowed },
  ]);
  return { ...NO_RULES, speech: { ...NO_RULES.speech, ...Object.fromEntries(rules) } };
}

test("while nobody has to ask, whoever is muted is asked to unmute", () => {
  expect(turnsFor(NO_RULES, BEA)).toEqual([{ media: "audio", kind: "invite" }]);
  expect(turnsFor(NO_RULES, { ...BEA, isMuted: false })).toEqual([]);
});

test("the floor is given and taken whatever the person's program says of its microphone", () => {
  for (const isMuted of [true, false]) {
    const bea = { ...BEA, isMuted };
    expect(turnsFor(asking({ audio: [] }), bea)).toEqual([{ media: "audio", kind: "give" }]);
    expect(turnsFor(asking({ audio: ["bea"] }), bea)).toEqual([{ media: "audio", kind: "end" }]);
  }
});

test("camera and screen are given one by one, too", () => {
  expect(turnsFor(asking({ video: [], desktop: ["bea"] }), BEA)).toEqual([
    { media: "audio", kind: "invite" },
    { media: "video", kind: "give" },
    { media: "desktop", kind: "end" },
  ]);
});

test("moderators need nobody's leave", () => {
  const rules = asking({ audio: [], video: [], desktop: [] });
  expect(turnsFor(rules, { ...BEA, isModerator: true })).toEqual([]);
});
