/**
 * Finds the person in a picture, away from the page's own thread.
 *
 * The model and its runtime (MediaPipe selfie segmentation, Apache-2.0) are files of this site. The
 * runtime is a classic script, so this is a classic worker.
 */
import graph from "@mediapipe/selfie_segmentation/selfie_segmentation.binarypb?url";
import solution from "@mediapipe/selfie_segmentation/selfie_segmentation.js?url";
import model from "@mediapipe/selfie_segmentation/selfie_segmentation_landscape.tflite?url";
import runtime from "@mediapipe/selfie_segmentation/selfie_segmentation_solution_simd_wasm_bin.js?url";
import code from "@mediapipe/selfie_segmentation/selfie_segmentation_solution_simd_wasm_bin.wasm?url";
import type { FromSegmenter, ToSegmenter } from "./segmenter-messages";

const FILES: Readonly<Record<string, string>> = {
  "selfie_segmentation.binarypb": graph,
  "selfie_segmentation_landscape.tflite": model,
  "selfie_segmentation_solution_simd_wasm_bin.js": runtime,
  "selfie_segmentation_solution_simd_wasm_bin.wasm": code,
};

interface Segmentation {
  initialize(): Promise<void>;
  onResults(listener: (results: { segmentationMask: ImageBitmap }) => void): void;
  send(inputs: { image: ImageBitmap }): Promise<void>;
  setOptions(options: { modelSelection: number; useCpuInference: boolean }): void;
}

interface Scope {
  importScripts(...urls: string[]): void;
  postMessage(message: FromSegmenter, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<ToSegmenter>) => void) | null;
  setInterval(handler: () => void, ms: number): number;
  SelfieSegmentation: new (config: { locateFile(name: string): string }) => Segmentation;
  window: unknown;
  document: unknown;
}

const scope = self as unknown as Scope;

/** Older browsers lack what the one runtime we ship needs; they ask for another one. */
function locateFile(name: string): string {
  const file = FILES[name];
  if (file === undefined) throw new Error(`${name} is not shipped`);
  return file;
}

/** As much of a page as the solution asks for: its own way to run in a worker is unfinished. */
function pretendPage(): void {
  scope.window = scope;
  scope.document = {
    addEventListener: () => undefined,
    createElement: (name: string) =>
      name === "canvas" ? new OffscreenCanvas(1, 1) : new ScriptElement(),
    body: { appendChild: (script: ScriptElement) => script.load() },
  };
}

class ScriptElement {
  private url = "";
  private loaded = (): void => undefined;

  setAttribute(name: string, value: string): void {
    if (name === "src") this.url = value;
  }

  addEventListener(event: string, listener: () => void): void {
    if (event === "load") this.loaded = listener;
  }

  load(): void {
    scope.importScripts(this.url);
    this.loaded();
  }
}

async function start(everyMs: number): Promise<Segmentation> {
  pretendPage();
  scope.importScripts(solution);
  const segmentation = new scope.SelfieSegmentation({
    locateFile: (name) => (name === "selfie_segmentation.tflite" ? model : locateFile(name)),
  });
  segmentation.setOptions({ modelSelection: 1, useCpuInference: true });
  segmentation.onResults(({ segmentationMask }) => {
    scope.postMessage({ kind: "mask", mask: segmentationMask }, [segmentationMask]);
  });
  await segmentation.initialize();
  scope.setInterval(() => scope.postMessage({ kind: "tick" }), everyMs);
  return segmentation;
}

function failed(error: unknown): void {
  scope.postMessage({ kind: "failed", reason: String(error) });
}

let segmentation: Segmentation | null = null;

scope.onmessage = ({ data }) => {
  if (data.kind === "start") {
    start(data.everyMs).then((started) => {
      segmentation = started;
      scope.postMessage({ kind: "ready" });
    }, failed);
    return;
  }
  const { picture } = data;
  segmentation
    ?.send({ image: picture })
    .catch(failed)
    .finally(() => picture.close());
};
