/** How often the browser is bothered; what it makes of it is tested in a browser. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { MediaSession } from "../../src/conference/media-session";
import { parseJingle } from "../../src/protocol/jingle";
import { type SessionModel, sectionsFor } from "../../src/protocol/sdp/model";
import type { MediaSource } from "../../src/protocol/sources";
import { parseXml } from "../parse-xml";
import { OFFER } from "../protocol/offer";

/** Keeps what it was given, and takes its time when it is told to. */
class FakeConnection {
  static last: FakeConnection;
  readonly given: string[] = [];
  busy: Promise<void> = Promise.resolve();
  remoteDescription: RTCSessionDescriptionInit | null = null;
  localDescription: RTCSessionDescriptionInit | null = null;

  constructor() {
    FakeConnection.last = this;
  }

  async setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
    this.given.push(description.sdp ?? "");
    this.remoteDescription = description;
    await this.busy;
  }

  async createAnswer(): Promise<RTCSessionDescriptionInit> {
    return { type: "answer", sdp: this.remoteDescription?.sdp ?? "" };
  }

  async setLocalDescription(description: RTCSessionDescriptionInit): Promise<void> {
    this.localDescription = description;
  }

  async addIceCandidate(): Promise<void> {}

  getTransceivers(): RTCRtpTransceiver[] {
    return [];
  }
}

const offer = parseJingle(parseXml(OFFER), "focus");
const model: SessionModel = {
  audio: offer.contents[0]!.description!,
  video: offer.contents[1]!.description!,
  transport: offer.contents[0]!.transport!,
  sections: sectionsFor(offer.sources),
};

const camera = (owner: string, ssrc: number): MediaSource => ({
  name: `${owner}-v0`,
  owner,
  kind: "video",
  videoType: "camera",
  msid: `${owner}-video-0 t`,
  ssrcs: [ssrc],
  groups: [],
});

const names = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `aaaaaa0${index}`);

beforeEach(() => vi.stubGlobal("RTCPeerConnection", FakeConnection));
afterEach(() => vi.unstubAllGlobals());

async function answered(): Promise<MediaSession> {
  const session = new MediaSession(
    { endpoint: "09abcdef", simulcast: false, iceServers: [], label: "b" },
    {
      tracksChanged: () => undefined,
      connectionState: () => undefined,
      candidate: () => undefined,
    },
  );
  await session.answer(model);
  return session;
}

test("people who come together are negotiated together", async () => {
  const session = await answered();
  const { given } = FakeConnection.last;
  expect(given).toHaveLength(1);
  await Promise.all(names(9).map((name, index) => session.addRemote([camera(name, 500 + index)])));
  expect(given).toHaveLength(2);
  for (const name of names(9)) expect(given[1]).toContain(`${name}-video-0`);
});

test("so are those who come and go while the browser is busy", async () => {
  const session = await answered();
  const connection = FakeConnection.last;
  let done: () => void = () => undefined;
  connection.busy = new Promise((resolve) => {
    done = resolve;
  });
  const first = session.addRemote([camera("aaaaaa00", 500)]);
  await vi.waitFor(() => expect(connection.given).toHaveLength(2));
  const later = [
    session.addRemote([camera("aaaaaa01", 501)]),
    session.addRemote([camera("aaaaaa02", 502)]),
    session.removeRemote(["aaaaaa01-v0"]),
  ];
  done();
  await Promise.all([first, ...later]);
  expect(connection.given).toHaveLength(3);
  expect(connection.given[2]).toContain("aaaaaa02-video-0");
  expect(connection.given[2]).not.toContain("aaaaaa01-video-0");
});

test("what could not be negotiated fails for all who asked for it, and not for the next", async () => {
  const session = await answered();
  const connection = FakeConnection.last;
  connection.busy = Promise.reject(new Error("no"));
  const both = [camera("aaaaaa00", 500), camera("aaaaaa01", 501)].map((each) =>
    session.addRemote([each]),
  );
  expect((await Promise.allSettled(both)).map(({ status }) => status)).toEqual([
    "rejected",
    "rejected",
  ]);
  connection.busy = Promise.resolve();
  await expect(session.addRemote([camera("aaaaaa02", 502)])).resolves.toBeUndefined();
});
