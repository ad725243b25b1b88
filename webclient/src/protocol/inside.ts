/** Who is inside a room, asked of the server before entry. */
import { asNumber, asTexts, isObject } from "./components";

export interface Inside {
  /** Null: the room does not tell who is there. */
  readonly people: number | null;
  /** Of the first of them, where the site shows names. */
  readonly names: readonly string[];
  readonly startsMuted: boolean;
  readonly startsWithoutCamera: boolean;
  /** Whoever comes is asked to have the camera on. */
  readonly isCameraRequired: boolean;
}

/** Null: the room tells nothing, or says something else. */
export function parseInside(answer: unknown): Inside | null {
  if (!isObject(answer)) return null;
  const people = asNumber(answer.people);
  const isCameraRequired = answer.cameraRequired === true;
  if (people === null ? !isCameraRequired : people < 0) return null;
  const start = isObject(answer.startMuted) ? answer.startMuted : {};
  return {
    people,
    names: asTexts(answer.names),
    startsMuted: start.audio === true,
    startsWithoutCamera: start.video === true,
    isCameraRequired,
  };
}

/** Null also when the server cannot be asked: nothing depends on it. */
export async function askInside(room: string, signal: AbortSignal): Promise<Inside | null> {
  try {
    const answer = await fetch(`/api/rooms/${encodeURIComponent(room)}`, { signal });
    return answer.ok ? parseInside(await answer.json()) : null;
  } catch {
    return null;
  }
}
