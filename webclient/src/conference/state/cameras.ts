/** Where cameras are required: who has none, and telling those who lead of it. */
import type { WithoutCamera } from "../../protocol/cameras";
import type { EndpointId } from "../../protocol/ids";
import { noticed, type WithNotices } from "./notices";

interface Watched extends WithNotices {
  readonly isModerator: boolean;
  readonly ownId: EndpointId;
  readonly participants: readonly { readonly id: EndpointId; readonly displayName: string }[];
  readonly withoutCamera: WithoutCamera;
}

/** So many are named in one notice; the list of people has them all. */
const NAMED = 3;

export function camerasTold<S extends Watched>(state: S, missing: WithoutCamera, at: number): S {
  const next = { ...state, withoutCamera: missing };
  if (!state.isModerator) return next;
  const news = state.participants.filter(
    ({ id }) => missing[id] !== undefined && state.withoutCamera[id] === undefined,
  );
  if (news.length === 0) return next;
  const names = news.slice(0, NAMED).map((each) => each.displayName || "\u2026");
  const more = news.length > NAMED ? ` +${news.length - NAMED}` : "";
  return noticed(next, "without-camera", names.join(", ") + more, at);
}
