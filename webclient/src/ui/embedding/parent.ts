/** The page that has this meeting in a frame: takes its commands, tells it what happens. */
import { effect } from "@preact/signals";
import type { Conference } from "../../conference/state";
import {
  type Command,
  type EventMessage,
  FRAME_ID,
  PARENT_ORIGIN,
  type Plain,
  readCommand,
} from "../../embedding/wire";
import { conference, meeting, togglePanel, view } from "../app";
import {
  chooseLayout,
  leave,
  toggleCamera,
  toggleHand,
  toggleMicrophone,
  toggleShare,
} from "../meeting/actions";
import { eventsBetween } from "./events";

const setTiles = (on: boolean): void => chooseLayout(on ? "grid" : "auto");

const DO: Readonly<Record<Command, (...args: readonly Plain[]) => void>> = {
  displayName: (name) => {
    if (typeof name === "string") meeting.value?.setDisplayName(name.trim());
  },
  toggleAudio: toggleMicrophone,
  toggleVideo: toggleCamera,
  toggleShareScreen: toggleShare,
  toggleRaiseHand: toggleHand,
  toggleChat: () => togglePanel("chat"),
  toggleParticipantsPane: () => togglePanel("people"),
  toggleTileView: () => setTiles(view.value.layout !== "grid"),
  setTileView: (on) => setTiles(on === true),
  toggleE2EE: (on) => meeting.value?.encryption.setOn(on === true),
  sendChatMessage: (body, to) => {
    if (typeof body === "string") {
      meeting.value?.chat.say(body, typeof to === "string" && to !== "" ? { to } : {});
    }
  },
  kickParticipant: (id) => {
    if (typeof id === "string") void meeting.value?.moderation.remove(id, "");
  },
  password: (password) => {
    if (typeof password === "string") meeting.value?.answer({ password });
  },
  hangup: leave,
};

/**
 * Begin, if this page is in a frame whose address says who embeds it. That address is only believed
 * as far as the browser bears it out: messages of another window or origin are not read, and ours
 * reach no other.
 */
export function startEmbedding(hash: string): void {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const frame = given.get(FRAME_ID);
  const origin = given.get(PARENT_ORIGIN);
  if (window.parent === window || frame === null || !isOrigin(origin)) return;
  const tell = (name: EventMessage["name"], data: EventMessage["data"]): void => {
    const message: EventMessage = { tertulia: "event", frame, name, data };
    window.parent.postMessage(message, origin);
  };
  window.addEventListener("message", ({ source, origin: from, data }) => {
    if (source !== window.parent || from !== origin) return;
    const command = readCommand(data, frame);
    if (command) DO[command.name](...command.args);
  });
  let before: Conference = conference.peek();
  effect(() => {
    const after = conference.value;
    for (const { name, data } of eventsBetween(before, after)) tell(name, data);
    before = after;
  });
  let wasTiles = view.peek().layout === "grid";
  effect(() => {
    const enabled = view.value.layout === "grid";
    if (enabled !== wasTiles) tell("tileViewChanged", { enabled });
    wasTiles = enabled;
  });
  tell("ready", {});
}

function isOrigin(text: string | null): text is string {
  if (text === null) return false;
  try {
    return new URL(text).origin === text && /^https?:/.test(text);
  } catch {
    return false;
  }
}
