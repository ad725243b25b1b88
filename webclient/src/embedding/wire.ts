/**
 * What an embedding page and the meeting in its frame say to each other, by `postMessage`.
 *
 * Names of commands and events are those of Jitsi's IFrame API, so that sites need to change only
 * the address. Both sides accept a message only from the other's window and origin.
 */

/** In the address of the frame: who embeds it. */
export const PARENT_ORIGIN = "external_api.origin";
/** In the address of the frame: tells several frames of one page apart. */
export const FRAME_ID = "jitsi_meet_external_api_id";

export const COMMANDS = [
  "displayName",
  "toggleAudio",
  "toggleVideo",
  "toggleShareScreen",
  "toggleRaiseHand",
  "toggleChat",
  "toggleParticipantsPane",
  "toggleTileView",
  "setTileView",
  "toggleE2EE",
  "sendChatMessage",
  "kickParticipant",
  "password",
  "hangup",
] as const;
export type Command = (typeof COMMANDS)[number];

export const EVENTS = [
  "videoConferenceJoined",
  "videoConferenceLeft",
  "participantJoined",
  "participantLeft",
  "participantRoleChanged",
  "audioMuteStatusChanged",
  "videoMuteStatusChanged",
  "screenSharingStatusChanged",
  "displayNameChange",
  "raiseHandUpdated",
  "dominantSpeakerChanged",
  "tileViewChanged",
  "incomingMessage",
  "outgoingMessage",
  "passwordRequired",
  "participantKickedOut",
  "errorOccurred",
  "readyToClose",
] as const;
export type EventName = (typeof EVENTS)[number];

/** Values travel as plain data: text, numbers, flags, and objects of those. */
export type Plain =
  | string
  | number
  | boolean
  | null
  | readonly Plain[]
  | { readonly [key: string]: Plain };

/** From the embedding page. */
export interface CommandMessage {
  readonly tertulia: "command";
  readonly frame: string;
  readonly name: Command;
  readonly args: readonly Plain[];
}

/** From the meeting. */
export interface EventMessage {
  readonly tertulia: "event";
  readonly frame: string;
  readonly name: EventName | "ready";
  readonly data: { readonly [key: string]: Plain };
}

const MAX_ARGS = 4;
const MAX_TEXT = 10_000;

function isPlainArg(value: unknown): value is Plain {
  if (value === null || typeof value === "boolean" || typeof value === "number") return true;
  return typeof value === "string" && value.length <= MAX_TEXT;
}

/** Read a command; undefined when it is none that a meeting takes. */
export function readCommand(data: unknown, frame: string): CommandMessage | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const { tertulia, frame: to, name, args } = data as Record<string, unknown>;
  if (tertulia !== "command" || to !== frame || !Array.isArray(args)) return undefined;
  const known = COMMANDS.find((each) => each === name);
  if (!known || args.length > MAX_ARGS || !args.every(isPlainArg)) return undefined;
  return { tertulia: "command", frame, name: known, args };
}

/** Read an event; undefined when it is none that a meeting tells. */
export function readEvent(data: unknown, frame: string): EventMessage | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const { tertulia, frame: from, name, data: about } = data as Record<string, unknown>;
  if (tertulia !== "event" || from !== frame || typeof about !== "object" || !about)
    return undefined;
  const known = name === "ready" ? name : EVENTS.find((each) => each === name);
  return known && { tertulia: "event", frame, name: known, data: about as EventMessage["data"] };
}
