/** The last lines of what is said, for whoever reads along. */
import type { CaptionLine } from "../../protocol/captions";

export interface Caption extends CaptionLine {
  readonly at: number;
}

export type Captions = readonly Caption[];

/** More than that nobody reads while listening. */
const MAX_LINES = 3;

/** A line that grows stays where it is; a new one comes last. */
export function captioned(captions: Captions, line: CaptionLine, at: number): Captions {
  const grown = captions.some((each) => each.id === line.id && each.language === line.language);
  const next = grown
    ? captions.map((each) =>
        each.id === line.id && each.language === line.language ? { ...line, at } : each,
      )
    : [...captions, { ...line, at }];
  return next.slice(-MAX_LINES);
}
