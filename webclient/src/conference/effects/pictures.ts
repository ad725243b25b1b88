/** The pictures people may put behind themselves: three of ours, or one of their own. */
import hills from "./backgrounds/hills.svg?url";
import study from "./backgrounds/study.svg?url";
import wall from "./backgrounds/wall.svg?url";
import type { Background } from "./choice";

export const PICTURES: Readonly<Record<"hills" | "study" | "wall", string>> = {
  hills,
  study,
  wall,
};

const WIDTH = 960;
const HEIGHT = 540;

export async function backgroundPicture(
  background: Exclude<Background, "none" | "blur">,
  own: ImageBitmap | null,
): Promise<CanvasImageSource> {
  if (background === "own") {
    if (!own) throw new Error("no picture of one's own");
    return own;
  }
  const image = new Image();
  image.src = PICTURES[background];
  await image.decode();
  // Drawn once: a vector picture would be drawn anew for every frame.
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  canvas.getContext("2d")!.drawImage(image, 0, 0, WIDTH, HEIGHT);
  return canvas;
}

/** A picture file, cut to the shape of a camera's. Raises an error when it is no picture. */
export async function ownPicture(file: Blob): Promise<ImageBitmap> {
  const whole = await createImageBitmap(file);
  const scale = Math.max(WIDTH / whole.width, HEIGHT / whole.height);
  const width = WIDTH / scale;
  const height = HEIGHT / scale;
  return createImageBitmap(
    whole,
    (whole.width - width) / 2,
    (whole.height - height) / 2,
    width,
    height,
    { resizeWidth: WIDTH, resizeHeight: HEIGHT, resizeQuality: "high" },
  );
}
