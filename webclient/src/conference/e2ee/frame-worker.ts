/**
 * The worker all encoded frames pass through while anybody encrypts. What cannot be encrypted is
 * not sent, what cannot be decrypted is not given to a decoder.
 */
import { FrameOpener, FrameSealer, type FrameType } from "../../protocol/e2ee/frames";
import type { FromWorker, PipeOptions, ToWorker } from "./frame-pipes";

interface EncodedFrame {
  readonly type?: string;
  data: ArrayBuffer;
  readonly timestamp: number;
  getMetadata(): { synchronizationSource?: number };
}

interface Transformer {
  readonly options: PipeOptions;
  readonly readable: ReadableStream<EncodedFrame>;
  readonly writable: WritableStream<EncodedFrame>;
  /** Both exist only where the browser has them, and may be refused at any moment. */
  generateKeyFrame?(): Promise<unknown>;
  sendKeyFrameRequest?(): Promise<unknown>;
}

const scope = globalThis as unknown as {
  postMessage(message: FromWorker): void;
  onmessage: (event: MessageEvent<ToWorker>) => void;
  onrtctransform: (event: { transformer: Transformer }) => void;
};

/** Frames in a row that could not be decrypted before it is said so. */
const FAILING_AFTER = 25;

class Sender {
  readonly opener = new FrameOpener();
  /** What the page was told last. */
  told: "decrypted" | "failing" | null = null;
  failed = 0;
  /** It says that it encrypts. */
  encrypts = false;
}

const sealer = new FrameSealer();
const others = new Map<string, Sender>();
const owners = new Map<number, string>();
const encoders = new Map<number, Transformer>();
const decoders = new Map<number, Transformer>();
/** Frames that senders' pipes were given. */
const given = new Map<number, number>();
let isOn = false;

function other(id: string): Sender {
  const known = others.get(id) ?? new Sender();
  others.set(id, known);
  return known;
}

function typeOf(frame: EncodedFrame, kind: PipeOptions["kind"]): FrameType {
  if (kind === "audio") return "audio";
  return frame.type === "key" ? "key" : "delta";
}

async function seal(frame: EncodedFrame, kind: PipeOptions["kind"]): Promise<boolean> {
  if (!isOn) return true;
  const ssrc = frame.getMetadata().synchronizationSource ?? 0;
  const sealed = await sealer.seal(frame.data, typeOf(frame, kind), ssrc, frame.timestamp);
  if (sealed) frame.data = sealed;
  return sealed !== null;
}

async function open(frame: EncodedFrame, { pipe, kind }: PipeOptions): Promise<boolean> {
  const owner = owners.get(pipe) ?? "";
  const from = other(owner);
  // Who does not encrypt is heard and seen only by others who do not either.
  if (!isOn) return !from.encrypts;
  const opened = await from.opener.open(frame.data, typeOf(frame, kind));
  if (opened) frame.data = opened;
  note(owner, from, opened !== null);
  return opened !== null;
}

function note(id: string, from: Sender, isDecrypted: boolean): void {
  from.failed = isDecrypted ? 0 : from.failed + 1;
  const now = isDecrypted ? "decrypted" : from.failed >= FAILING_AFTER ? "failing" : from.told;
  if (now === null || now === from.told || !from.opener.hasKey) return;
  from.told = now;
  scope.postMessage({ say: "frames", participant: id, status: now });
}

function connect(
  options: PipeOptions,
  readable: ReadableStream<EncodedFrame>,
  writable: WritableStream<EncodedFrame>,
): void {
  const { pipe, operation, kind, participant } = options;
  owners.set(pipe, participant);
  const transform = new TransformStream<EncodedFrame, EncodedFrame>({
    async transform(frame, controller) {
      if (operation === "seal") given.set(pipe, (given.get(pipe) ?? 0) + 1);
      const passes = operation === "seal" ? await seal(frame, kind) : await open(frame, options);
      if (passes) controller.enqueue(frame);
    },
  });
  const forget = (): void => {
    owners.delete(pipe);
    decoders.delete(pipe);
    encoders.delete(pipe);
    given.delete(pipe);
  };
  // It ends with the session it belongs to; there is nobody to tell.
  readable.pipeThrough(transform).pipeTo(writable).then(forget, forget);
  scope.postMessage({ say: "runs", pipe });
}

/** Whoever gets a new key needs a whole picture to begin with. */
function wholePictures(): void {
  for (const each of encoders.values()) void each.generateKeyFrame?.().catch(() => undefined);
}

function askWholePictures(participant: string | null): void {
  for (const [pipe, each] of decoders) {
    if (participant === null || owners.get(pipe) === participant) {
      void each.sendKeyFrameRequest?.().catch(() => undefined);
    }
  }
}

scope.onrtctransform = ({ transformer }) => {
  const { options, readable, writable } = transformer;
  if (options.kind === "video") {
    (options.operation === "seal" ? encoders : decoders).set(options.pipe, transformer);
  }
  connect(options, readable, writable);
};

scope.onmessage = ({ data }) => {
  switch (data.do) {
    case "switch":
      isOn = data.on;
      wholePictures();
      askWholePictures(null);
      break;
    case "own-secret":
      sealer.setSecret(data.secret, data.index);
      wholePictures();
      break;
    case "secret": {
      const from = other(data.participant);
      from.opener.setSecret(data.secret, data.index);
      from.failed = 0;
      askWholePictures(data.participant);
      break;
    }
    case "encrypts":
      other(data.participant).encrypts = data.encrypts;
      askWholePictures(data.participant);
      break;
    case "forget":
      others.delete(data.participant);
      break;
    case "belongs":
      owners.set(data.pipe, data.participant);
      break;
    case "count":
      scope.postMessage({ say: "counted", given });
      break;
    case "connect":
      connect(
        data.options,
        data.readable as ReadableStream<EncodedFrame>,
        data.writable as WritableStream<EncodedFrame>,
      );
      break;
  }
};
