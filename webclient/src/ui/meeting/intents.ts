/** What this person is about to do in the side panels and dialogs. */
import { batch, computed, signal } from "@preact/signals";
import type { ChatEntry, EndpointId } from "../../conference/state";
import { type Feature, may } from "../../conference/state/rules";
import { conference, dialog, meeting, type Panel, panel } from "../app";

/** Writing to this person alone; empty: to everybody. */
export const writingTo = signal<EndpointId>("");
export const answering = signal<ChatEntry | null>(null);
export const editing = signal<ChatEntry | null>(null);
/** Whom the question "remove?" is about. */
export const removing = signal<EndpointId>("");

export function writeTo(endpoint: EndpointId): void {
  batch(() => {
    writingTo.value = endpoint;
    answering.value = null;
    editing.value = null;
    panel.value = "chat";
  });
}

export function askToRemove(endpoint: EndpointId): void {
  batch(() => {
    removing.value = endpoint;
    dialog.value = "remove";
  });
}

export function iMay(feature: Feature): boolean {
  const { rules, ownId, isModerator } = conference.value;
  return may(rules, feature, { id: ownId, isModerator });
}

/** Moderators can be written to by everybody, whatever is kept for whom. */
export function iMayWriteTo(endpoint: EndpointId): boolean {
  const other = conference.value.participants.find((each) => each.id === endpoint);
  return iMay("privateChat") || other?.isModerator === true;
}

/** The panels that make sense here and now, in the order of their tabs. */
export const panels = computed<readonly Panel[]>(() => {
  const { isModerator, phase } = conference.value;
  const now = phase === "joined" ? meeting.value : null;
  const all: Panel[] = ["people", "chat"];
  if (now?.files.isSupported) all.push("files");
  if (now?.polls.isSupported) all.push("polls");
  if (isModerator) all.push("control");
  return all;
});
