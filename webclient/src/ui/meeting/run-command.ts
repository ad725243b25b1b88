/** Does what was typed as a command, as the buttons do it. */
import { dialog, meeting } from "../app";
import { t } from "../language";
import { leave, toggleCamera, toggleHand, toggleMicrophone } from "./actions";
import type { CommandName, Typed } from "./chat-commands";
import { askToRemove, iMayWriteTo } from "./intents";

type Command = Extract<Typed, { kind: "command" }>;

const DEEDS: Readonly<Record<CommandName, (command: Command) => void>> = {
  help: () => {
    dialog.value = "shortcuts";
  },
  mic: toggleMicrophone,
  camera: toggleCamera,
  hand: toggleHand,
  msg: ({ person, text }) => meeting.value?.chat.say(text, { to: person }),
  leave,
  "mute-all": () => void meeting.value?.moderation.muteAll("audio"),
  mute: ({ person }) => void meeting.value?.moderation.mute(person, "audio"),
  // It asks first, and for a reason.
  kick: ({ person }) => askToRemove(person),
};

/** Returns: a word about it; a refusal of the server follows as a notice. */
export function runCommand(command: Command): string {
  if (command.name === "msg" && !iMayWriteTo(command.person)) return t("chat.forModerators");
  DEEDS[command.name](command);
  const isAsked = command.name === "help" || command.name === "kick";
  return isAsked ? "" : t("command.done", { command: `/${command.name}` });
}
