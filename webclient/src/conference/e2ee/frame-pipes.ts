/**
 * Leads the encoded frames of every sender and receiver through the worker.
 *
 * Two ways to the same end: RTCRtpScriptTransform (the standard), or createEncodedStreams (older
 * Chromium). A pipe stays with its sender or receiver for ever; whose frames flow in it may change.
 */
import type { EndpointId, MediaKind } from "../../protocol/ids";

export interface PipeOptions {
  readonly pipe: number;
  readonly operation: "seal" | "open";
  readonly kind: MediaKind;
  readonly participant: EndpointId;
}

type Secret = Uint8Array<ArrayBuffer>;

export type ToWorker =
  | { do: "switch"; on: boolean }
  | { do: "own-secret"; secret: Secret | null; index: number }
  | { do: "secret"; participant: EndpointId; secret: Secret | null; index: number }
  | { do: "encrypts"; participant: EndpointId; encrypts: boolean }
  | { do: "forget"; participant: EndpointId }
  | { do: "belongs"; pipe: number; participant: EndpointId }
  | { do: "count" }
  | {
      do: "connect";
      options: PipeOptions;
      readable: ReadableStream<unknown>;
      writable: WritableStream<unknown>;
    };

export interface FrameStatus {
  readonly participant: EndpointId;
  readonly status: "decrypted" | "failing";
}

export type FromWorker =
  | ({ readonly say: "frames" } & FrameStatus)
  /** From now on frames of this pipe are led. */
  | { readonly say: "runs"; readonly pipe: number }
  /** How many frames each pipe of a sender was given, whatever became of them. */
  | { readonly say: "counted"; readonly given: ReadonlyMap<number, number> };

/** A worker that says nothing for so long has led nothing either. */
const COUNT_WITHIN_MS = 10_000;

type EncodedStreams = { readable: ReadableStream<unknown>; writable: WritableStream<unknown> };
type WithStreams = { createEncodedStreams?(): EncodedStreams };
type ScriptTransform = new (worker: Worker, options: PipeOptions) => unknown;

function scriptTransform(): ScriptTransform | undefined {
  return (globalThis as { RTCRtpScriptTransform?: ScriptTransform }).RTCRtpScriptTransform;
}

interface Pipe {
  readonly id: number;
  participant: EndpointId;
  readonly runs: Promise<void>;
}

export class FramePipes {
  private readonly worker: Worker;
  private readonly pipes = new WeakMap<object, Pipe>();
  private readonly starting = new Map<number, () => void>();
  private given: ReadonlyMap<number, number> = new Map();
  private counting: (() => void)[] = [];
  private next = 1;

  constructor(private readonly onStatus: (status: FrameStatus) => void) {
    this.worker = new Worker(new URL("./frame-worker.ts", import.meta.url), {
      type: "module",
      name: "encryption",
    });
    this.worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.heard(data);
  }

  tell(message: ToWorker): void {
    this.worker.postMessage(message);
  }

  /** Resolves when the worker leads this sender's frames. */
  sender(sender: RTCRtpSender, kind: MediaKind, own: EndpointId): Promise<void> {
    return this.lead(sender, "seal", kind, own);
  }

  receiver(receiver: RTCRtpReceiver, kind: MediaKind, owner: EndpointId): void {
    void this.lead(receiver, "open", kind, owner);
  }

  /** How many frames of each sender have come to the worker so far. */
  async count(): Promise<(sender: RTCRtpSender) => number> {
    await new Promise<void>((resolve) => {
      this.counting.push(resolve);
      setTimeout(resolve, COUNT_WITHIN_MS);
      this.tell({ do: "count" });
    });
    const { given } = this;
    return (sender) => given.get(this.pipes.get(sender)?.id ?? 0) ?? 0;
  }

  close(): void {
    this.worker.terminate();
  }

  private heard(message: FromWorker): void {
    if (message.say === "frames") {
      this.onStatus(message);
    } else if (message.say === "runs") {
      this.starting.get(message.pipe)?.();
      this.starting.delete(message.pipe);
    } else {
      this.given = message.given;
      for (const resolve of this.counting.splice(0)) resolve();
    }
  }

  private lead(
    end: RTCRtpSender | RTCRtpReceiver,
    operation: PipeOptions["operation"],
    kind: MediaKind,
    participant: EndpointId,
  ): Promise<void> {
    const known = this.pipes.get(end);
    if (known) {
      if (known.participant !== participant) {
        known.participant = participant;
        this.tell({ do: "belongs", pipe: known.id, participant });
      }
      return known.runs;
    }
    const id = this.next++;
    const runs = new Promise<void>((resolve) => this.starting.set(id, resolve));
    this.pipes.set(end, { id, participant, runs });
    const options: PipeOptions = { pipe: id, operation, kind, participant };
    const Transform = scriptTransform();
    if (Transform) {
      (end as { transform?: unknown }).transform = new Transform(this.worker, options);
      return runs;
    }
    const streams = (end as WithStreams).createEncodedStreams?.();
    if (!streams) throw new Error("this browser lets nobody at its frames");
    const { readable, writable } = streams;
    this.worker.postMessage({ do: "connect", options, readable, writable } satisfies ToWorker, [
      readable,
      writable,
    ] as unknown as Transferable[]);
    return runs;
  }
}
