/**
 * What a moderator shows large for everybody: the `follow-me` command in presence.
 *
 * Stock clients put the person on the stage in `nextOnStage` (an endpoint; of a screen its source
 * name), several of them in `pinnedStageParticipants`, and end it with `off`.
 */
import { child, type Xml, xml } from "./xml";

export interface Spotlight {
  /** Endpoints, or source names of screens, in the order they were chosen. */
  readonly onStage: readonly string[];
  /** Everybody the same size. */
  readonly isGrid: boolean;
}

const ELEMENT = "follow-me";

export function buildFollowMe({ onStage, isGrid }: Spotlight): Xml {
  return xml(ELEMENT, {
    filmstripVisible: "true",
    tileViewEnabled: String(isGrid),
    sharedDocumentVisible: "false",
    ...(onStage.length > 0 && !isGrid
      ? {
          nextOnStage: onStage.at(-1)!,
          pinnedStageParticipants: JSON.stringify(
            onStage.map((participantId) => ({ participantId, pinned: true })),
          ),
          maxStageParticipants: String(onStage.length),
        }
      : {}),
  });
}

/** Said once, when it is over: stock clients keep what is merely absent. */
export function buildFollowMeOff(): Xml {
  return xml(ELEMENT, { off: "true" });
}

/** Null: this occupant shows nothing to all. Whether it may is for the reader to check. */
export function parseFollowMe(presence: Xml): Spotlight | null {
  const element = child(presence, ELEMENT);
  if (!element || element.attrs.off === "true") return null;
  const { nextOnStage = "", pinnedStageParticipants = "[]", tileViewEnabled } = element.attrs;
  const several = stageParticipants(pinnedStageParticipants);
  const isGrid = tileViewEnabled === "true";
  const onStage = several.length > 0 ? several : [nextOnStage].filter((each) => each !== "");
  return { onStage: isGrid ? [] : onStage, isGrid };
}

const MAX_NAMED = 8;

function stageParticipants(json: string): string[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    return [];
  }
  if (!Array.isArray(parsed)) return [];
  return parsed
    .map((each: unknown) => (each as { participantId?: unknown } | null)?.participantId)
    .filter((id): id is string => typeof id === "string")
    .slice(0, MAX_NAMED);
}
