/** What an embedding page is told when the meeting goes from one state to the next. */
import type { Conference } from "../../conference/state";
import { isSharing } from "../../conference/state/people";
import type { EventName, Plain } from "../../embedding/wire";

export interface Told {
  readonly name: EventName;
  readonly data: { readonly [key: string]: Plain };
}

function roleOf(isModerator: boolean): string {
  return isModerator ? "moderator" : "participant";
}

/** In the order an embedding page needs them: first who is there, then what they do. */
export function eventsBetween(before: Conference, after: Conference): Told[] {
  const told: Told[] = [];
  const tell = (name: EventName, data: Told["data"] = {}): void => {
    told.push({ name, data });
  };
  const isIn = (state: Conference): boolean =>
    state.phase === "joined" || state.phase === "reconnecting" || state.phase === "moving";
  const id = after.ownId;
  if (!isIn(before) && isIn(after)) {
    tell("videoConferenceJoined", {
      roomName: after.room,
      id,
      displayName: after.displayName,
      breakoutRoom: false,
    });
    tell("participantRoleChanged", { id, role: roleOf(after.isModerator) });
    tell("audioMuteStatusChanged", { muted: after.local.microphone !== "on" });
    tell("videoMuteStatusChanged", { muted: after.local.camera !== "on" });
  }
  if (isIn(after)) {
    // Who was here first is known to the room before we are in, and news to who embeds us.
    people(isIn(before) ? before : { ...before, participants: [] }, after, tell);
    if (isIn(before)) own(before, after, tell);
    for (const line of after.chat.filter((each) => !before.chat.includes(each))) {
      if (line.isHistory || before.chat.some((each) => each.id === line.id)) continue;
      const words = { message: line.body, privateMessage: line.isPrivate };
      if (line.isOwn) tell("outgoingMessage", words);
      else tell("incomingMessage", { ...words, from: line.from, nick: line.name });
    }
    if (before.dominantSpeaker !== after.dominantSpeaker && after.dominantSpeaker) {
      tell("dominantSpeakerChanged", { id: after.dominantSpeaker });
    }
  }
  if (before.question !== after.question && after.question?.startsWith("password")) {
    tell("passwordRequired");
  }
  if (before.phase !== after.phase) {
    if (after.phase === "removed") {
      tell("participantKickedOut", {
        kicked: { id, local: true },
        kicker: { name: after.removedBy },
      });
    }
    if (after.phase === "error") {
      const name = after.problem ?? "";
      tell("errorOccurred", { error: { name, message: after.reason, isFatal: true } });
    }
    if (["left", "removed", "error"].includes(after.phase)) {
      if (isIn(before)) tell("videoConferenceLeft", { roomName: after.room, id });
      tell("readyToClose");
    }
  }
  return told;
}

type Tell = (name: EventName, data?: Told["data"]) => void;

function people(before: Conference, after: Conference, tell: Tell): void {
  for (const gone of before.participants) {
    if (!after.participants.some((each) => each.id === gone.id)) {
      tell("participantLeft", { id: gone.id });
    }
  }
  for (const now of after.participants) {
    const { id, displayName } = now;
    const old = before.participants.find((each) => each.id === id);
    if (!old) {
      tell("participantJoined", { id, displayName, formattedDisplayName: displayName });
    }
    if (now.isModerator !== (old?.isModerator ?? false)) {
      tell("participantRoleChanged", { id, role: roleOf(now.isModerator) });
    }
    if (old && old.displayName !== displayName) {
      tell("displayNameChange", { id, displayname: displayName });
    }
    if ((old?.raisedHandAt ?? null) !== now.raisedHandAt) {
      tell("raiseHandUpdated", { id, handRaised: now.raisedHandAt ?? 0 });
    }
    if (isSharing(now.sources) !== (old ? isSharing(old.sources) : false)) {
      tell("screenSharingStatusChanged", { id, on: isSharing(now.sources), details: {} });
    }
  }
}

function own(before: Conference, after: Conference, tell: Tell): void {
  const id = after.ownId;
  const wasOn = (device: "microphone" | "camera"): boolean => before.local[device] === "on";
  if (wasOn("microphone") !== (after.local.microphone === "on")) {
    tell("audioMuteStatusChanged", { muted: wasOn("microphone") });
  }
  if (wasOn("camera") !== (after.local.camera === "on")) {
    tell("videoMuteStatusChanged", { muted: wasOn("camera") });
  }
  if (before.local.share !== after.local.share) {
    tell("screenSharingStatusChanged", { id, on: after.local.share === "on", details: {} });
  }
  if (before.isModerator !== after.isModerator) {
    tell("participantRoleChanged", { id, role: roleOf(after.isModerator) });
  }
  if (before.displayName !== after.displayName) {
    tell("displayNameChange", { id, displayname: after.displayName });
  }
  if (before.raisedHandAt !== after.raisedHandAt) {
    tell("raiseHandUpdated", { id, handRaised: after.raisedHandAt ?? 0 });
  }
}
