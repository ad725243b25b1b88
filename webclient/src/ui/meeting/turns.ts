/** Who may switch on what while people have to ask for it: what a moderator gives and takes. */
import type { EndpointId } from "../../conference/state";
import { MODERATED_MEDIA, type ModeratedMedia, type Rules } from "../../conference/state/rules";

export interface Turn {
  readonly media: ModeratedMedia;
  /** `invite`: nobody has to ask; the person is asked to switch it on. */
  readonly kind: "give" | "end" | "invite";
}

/**
 * What to offer for one person. Whether something is on now plays no part: a program may say of
 * itself that it is on while the bridge lets nothing of it through. Moderators need no leave.
 */
export function turnsFor(
  rules: Rules,
  person: { readonly id: EndpointId; readonly isModerator: boolean; readonly isMuted: boolean },
): Turn[] {
  const { speech } = rules;
  const turns: Turn[] = [];
  if (!speech.audio.isOn && person.isMuted) turns.push({ media: "audio", kind: "invite" });
  if (person.isModerator) return turns;
  for (const media of MODERATED_MEDIA) {
    if (!speech[media].isOn) continue;
    turns.push({ media, kind: speech[media].allowed.includes(person.id) ? "end" : "give" });
  }
  return turns;
}
