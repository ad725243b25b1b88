/** What the page and its worker say to each other about where in a picture the person is. */
export type ToSegmenter =
  | { readonly kind: "start"; readonly everyMs: number }
  | { readonly kind: "picture"; readonly picture: ImageBitmap };

export type FromSegmenter =
  | { readonly kind: "ready" }
  /** Time for a frame: a worker's timer goes on while the page is out of sight. */
  | { readonly kind: "tick" }
  /** Opaque where the person is. */
  | { readonly kind: "mask"; readonly mask: ImageBitmap }
  | { readonly kind: "failed"; readonly reason: string };
