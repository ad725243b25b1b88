/**
 * What is behind the person, blurred or replaced: camera in, camera out.
 *
 * A worker says where the person is; the page puts the picture together on a canvas. The small
 * picture that is looked at costs little, the one that is sent is capped, and when even that takes
 * too long, the effect says so.
 */
import type { Background, Effect } from "./choice";
import { Pace } from "./pace";
import { backgroundPicture } from "./pictures";
import type { FromSegmenter, ToSegmenter } from "./segmenter-messages";

/** What the model looks at. */
const LOOK = { width: 256, height: 144 };
const MAX_HEIGHT = 540;
const EVERY_MS = 1000 / 24;
const START_WITHIN_MS = 20_000;
/** The background is drawn this much smaller and enlarged again; canvas filters are not everywhere. */
const BLUR_STEPS = [4, 16, 32, 16, 8, 4] as const;

/**
 * Raises an error when the browser lacks something or the model does not start in time.
 * `tooSlow` is called once; the caller closes the effect.
 */
export async function withBackground(
  input: MediaStreamTrack,
  background: Exclude<Background, "none">,
  own: ImageBitmap | null,
  tooSlow: () => void,
): Promise<Effect> {
  const picture = background === "blur" ? null : await backgroundPicture(background, own);
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = new MediaStream([input]);
  await video.play();
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { alpha: false });
  if (!context) throw new Error("no canvas");

  const worker = new Worker(new URL("./segmenter.worker.ts", import.meta.url));
  const say = (message: ToSegmenter, transfer: Transferable[] = []): void =>
    worker.postMessage(message, transfer);
  const painter = new Painter(video, canvas, context, picture);
  const pace = new Pace();
  let pending = 0;
  let isClosed = false;

  const look = async (): Promise<void> => {
    if (pending !== 0 || isClosed || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return;
    pending = performance.now();
    try {
      const small = await createImageBitmap(video, {
        resizeWidth: LOOK.width,
        resizeHeight: LOOK.height,
        resizeQuality: "low",
      });
      say({ kind: "picture", picture: small }, [small]);
    } catch {
      // The camera is between two frames; the next tick tries again.
      pending = 0;
    }
  };

  const close = (): void => {
    isClosed = true;
    worker.terminate();
    video.srcObject = null;
    output.stop();
  };

  await new Promise<void>((resolve, reject) => {
    const timer = window.setTimeout(() => reject(new Error("too late")), START_WITHIN_MS);
    worker.onerror = (event) => reject(new Error(event.message));
    worker.onmessage = ({ data }: MessageEvent<FromSegmenter>) => {
      switch (data.kind) {
        case "tick":
          void look();
          break;
        case "mask": {
          painter.paint(data.mask);
          data.mask.close();
          const took = performance.now() - pending;
          pending = 0;
          window.clearTimeout(timer);
          resolve();
          if (pace.isTooSlow(took) && !isClosed) tooSlow();
          break;
        }
        case "failed":
          reject(new Error(data.reason));
          break;
        case "ready":
          break;
      }
    };
    say({ kind: "start", everyMs: EVERY_MS });
  }).catch((error: unknown) => {
    worker.terminate();
    video.srcObject = null;
    throw error;
  });
  const output = canvas.captureStream().getVideoTracks()[0]!;
  return {
    track: output,
    close,
    get frameMs() {
      return pace.averageMs;
    },
  };
}

class Painter {
  private readonly person = document.createElement("canvas");
  /** Half as large as the mask: enlarged from here its edge is soft. */
  private readonly edge = document.createElement("canvas");
  private readonly small = BLUR_STEPS.map(() => document.createElement("canvas"));

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly canvas: HTMLCanvasElement,
    private readonly context: CanvasRenderingContext2D,
    private readonly picture: CanvasImageSource | null,
  ) {
    this.edge.width = LOOK.width / 2;
    this.edge.height = LOOK.height / 2;
  }

  /** The person as they are, where the mask is opaque; everything else behind them. */
  paint(mask: ImageBitmap): void {
    this.fit();
    const { width, height } = this.canvas;
    const edge = this.edge.getContext("2d")!;
    edge.globalCompositeOperation = "copy";
    edge.drawImage(mask, 0, 0, this.edge.width, this.edge.height);
    const person = this.person.getContext("2d")!;
    person.globalCompositeOperation = "copy";
    person.imageSmoothingQuality = "high";
    person.drawImage(this.edge, 0, 0, width, height);
    person.globalCompositeOperation = "source-in";
    person.drawImage(this.video, 0, 0, width, height);
    this.context.drawImage(this.picture ?? this.blurred(), 0, 0, width, height);
    this.context.drawImage(this.person, 0, 0);
  }

  private fit(): void {
    const { videoWidth, videoHeight } = this.video;
    const scale = Math.min(1, MAX_HEIGHT / Math.max(1, videoHeight));
    const width = Math.max(2, Math.round(videoWidth * scale));
    const height = Math.max(2, Math.round(videoHeight * scale));
    if (this.canvas.width === width && this.canvas.height === height) return;
    for (const each of [this.canvas, this.person]) {
      each.width = width;
      each.height = height;
    }
    BLUR_STEPS.forEach((factor, index) => {
      this.small[index]!.width = Math.max(1, Math.round(width / factor));
      this.small[index]!.height = Math.max(1, Math.round(height / factor));
    });
  }

  private blurred(): CanvasImageSource {
    let from: CanvasImageSource = this.video;
    for (const step of this.small) {
      const context = step.getContext("2d")!;
      context.imageSmoothingQuality = "medium";
      context.drawImage(from, 0, 0, step.width, step.height);
      from = step;
    }
    return from;
  }
}
