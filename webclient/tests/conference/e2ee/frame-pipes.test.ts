import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  FramePipes,
  type FromWorker,
  type ToWorker,
} from "../../../src/conference/e2ee/frame-pipes";

class FakeWorker {
  static last: FakeWorker;
  readonly heard: ToWorker[] = [];
  onmessage: (event: { data: FromWorker }) => void = () => undefined;

  constructor() {
    FakeWorker.last = this;
  }

  postMessage(message: ToWorker): void {
    this.heard.push(message);
  }

  says(data: FromWorker): void {
    this.onmessage({ data });
  }
}

beforeEach(() => {
  vi.stubGlobal("Worker", FakeWorker);
  vi.stubGlobal("RTCRtpScriptTransform", class {});
});

afterEach(() => vi.unstubAllGlobals());

test("a sender is led when the worker says so, and stays so", async () => {
  const pipes = new FramePipes(() => undefined);
  const [voice, picture] = [{} as RTCRtpSender, {} as RTCRtpSender];
  const runs: string[] = [];
  void pipes.sender(voice, "audio", "me").then(() => runs.push("voice"));
  void pipes.sender(picture, "video", "me").then(() => runs.push("picture"));
  await Promise.resolve();
  expect(runs).toEqual([]);
  FakeWorker.last.says({ say: "runs", pipe: 2 });
  await vi.waitFor(() => expect(runs).toEqual(["picture"]));
  await pipes.sender(picture, "video", "me");
});

test("frames are counted by sender; receivers have pipes too", async () => {
  const pipes = new FramePipes(() => undefined);
  const [voice, picture] = [{} as RTCRtpSender, {} as RTCRtpSender];
  pipes.receiver({} as RTCRtpReceiver, "audio", "other");
  void pipes.sender(voice, "audio", "me");
  void pipes.sender(picture, "video", "me");
  const counting = pipes.count();
  expect(FakeWorker.last.heard).toContainEqual({ do: "count" });
  FakeWorker.last.says({ say: "counted", given: new Map([[2, 50]]) });
  const given = await counting;
  expect([given(voice), given(picture), given({} as RTCRtpSender)]).toEqual([50, 0, 0]);
});

test("a worker that does not answer has led nothing more", async () => {
  vi.useFakeTimers();
  const pipes = new FramePipes(() => undefined);
  const counting = pipes.count();
  await vi.advanceTimersByTimeAsync(10_000);
  expect((await counting)({} as RTCRtpSender)).toBe(0);
  vi.useRealTimers();
});
