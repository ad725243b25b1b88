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
  | {
      do: "connect";
      options: PipeOptions;
      readable: ReadableStream<unknown>;
      writable: WritableStream<unknown>;
    };

export interface FromWorker {
  readonly participant: EndpointId;
  readonly status: "decrypted" | "failing";
}

type EncodedStreams = { readable: ReadableStream<unknown>; writable: WritableStream<unknown> };
type WithStreams = { createEncodedStreams?(): EncodedStreams };
type ScriptTransform = new (worker: Worker, options: PipeOptions) => unknown;

function scriptTransform(): ScriptTransform | undefined {
  return (globalThis as { RTCRtpScriptTransform?: ScriptTransform }).RTCRtpScriptTransform;
}

export class FramePipes {
  private readonly worker: Worker;
  private readonly pipes = new WeakMap<object, { id: number; participant: EndpointId }>();
  private next = 1;

  constructor(onStatus: (status: FromWorker) => void) {
    this.worker = new Worker(new URL("./frame-worker.ts", import.meta.url), {
      type: "module",
      name: "encryption",
    });
    this.worker.onmessage = ({ data }: MessageEvent<FromWorker>) => onStatus(data);
  }

  tell(message: ToWorker): void {
    this.worker.postMessage(message);
  }

  sender(sender: RTCRtpSender, kind: MediaKind, own: EndpointId): void {
    this.lead(sender, "seal", kind, own);
  }

  receiver(receiver: RTCRtpReceiver, kind: MediaKind, owner: EndpointId): void {
    this.lead(receiver, "open", kind, owner);
  }

  close(): void {
    this.worker.terminate();
  }

  private lead(
    end: RTCRtpSender | RTCRtpReceiver,
    operation: PipeOptions["operation"],
    kind: MediaKind,
    participant: EndpointId,
  ): void {
    const known = this.pipes.get(end);
    if (known) {
      if (known.participant === participant) return;
      known.participant = participant;
      this.tell({ do: "belongs", pipe: known.id, participant });
      return;
    }
    const id = this.next++;
    this.pipes.set(end, { id, participant });
    const options: PipeOptions = { pipe: id, operation, kind, participant };
    const Transform = scriptTransform();
    if (Transform) {
      (end as { transform?: unknown }).transform = new Transform(this.worker, options);
      return;
    }
    const streams = (end as WithStreams).createEncodedStreams?.();
    if (!streams) throw new Error("this browser lets nobody at its frames");
    const { readable, writable } = streams;
    this.worker.postMessage({ do: "connect", options, readable, writable } satisfies ToWorker, [
      readable,
      writable,
    ] as unknown as Transferable[]);
  }
}
