import { describe, expect, test } from "vitest";
import { captioned } from "../../src/conference/state/captions";
import { parseBridgeMessage } from "../../src/protocol/bridge-channel";
import { parseCaption } from "../../src/protocol/captions";

const result = {
  type: "transcription-result",
  message_id: "m1",
  language: "en-US",
  is_interim: true,
  transcript: [{ text: "Good morning," }, { text: "everybody" }],
  participant: { id: "a1b2c3d4", name: "Ann" },
};
const line = {
  id: "m1",
  speaker: "a1b2c3d4",
  name: "Ann",
  text: "Good morning, everybody",
  language: "en-US",
  isInterim: true,
};

describe("what a transcriber says", () => {
  test("is read as it is written for stock clients", () => {
    expect(parseCaption(result)).toEqual(line);
    expect(
      parseCaption({
        type: "translation-result",
        message_id: "m2",
        language: "it",
        text: "Buongiorno",
        participant: { id: "a1b2c3d4", name: "Ann" },
      }),
    ).toMatchObject({ id: "m2", text: "Buongiorno", language: "it", isInterim: false });
  });

  test.each([
    [{ ...result, type: "other" }],
    [{ ...result, transcript: [] }],
    [{ ...result, transcript: "text" }],
    [{ ...result, participant: null }],
    [{ ...result, message_id: "" }],
  ])("damaged it is nothing", (payload) => {
    expect(parseCaption(payload)).toBeUndefined();
  });

  test("comes over the bridge from the transcriber only", () => {
    const from = (endpoint: string) =>
      parseBridgeMessage(
        JSON.stringify({ colibriClass: "EndpointMessage", from: endpoint, msgPayload: result }),
      );
    expect(from("transcriber")).toEqual({ kind: "caption", line });
    expect(from("a1b2c3d4")).toBeUndefined();
  });
});

describe("the lines on the screen", () => {
  test("a line grows where it is, and three stay", () => {
    const ids = ["m1", "m2", "m3", "m4"];
    const four = ids.reduce(
      (all, id, at) => captioned(all, { ...line, id }, at),
      captioned([], line, 0),
    );
    expect(four.map((each) => each.id)).toEqual(["m2", "m3", "m4"]);
    const grown = captioned(four, { ...line, id: "m3", text: "more" }, 9);
    expect(grown.map((each) => [each.id, each.text === "more"])).toEqual([
      ["m2", false],
      ["m3", true],
      ["m4", false],
    ]);
  });
});
