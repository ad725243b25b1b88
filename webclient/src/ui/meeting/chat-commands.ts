/**
 * What one may type into the chat instead of looking for a button: `/mute-all`, `/msg Ana Hello`.
 * The words are the same in every language, like those of other programs; the help sheet says what
 * they do. Whether somebody may is decided on the server; here it is only said earlier.
 */
import type { EndpointId } from "../../protocol/ids";
import type { Key } from "../language";

type Argument = "none" | "person" | "person-and-text";

interface Described {
  readonly does: Key;
  readonly takes: Argument;
  readonly isForModerators: boolean;
}

export const COMMANDS = {
  help: { does: "shortcuts.help", takes: "none", isForModerators: false },
  mic: { does: "shortcuts.m", takes: "none", isForModerators: false },
  camera: { does: "shortcuts.v", takes: "none", isForModerators: false },
  hand: { does: "shortcuts.r", takes: "none", isForModerators: false },
  msg: { does: "command.msg", takes: "person-and-text", isForModerators: false },
  leave: { does: "command.leave", takes: "none", isForModerators: false },
  "mute-all": { does: "command.muteAll", takes: "none", isForModerators: true },
  mute: { does: "command.mute", takes: "person", isForModerators: true },
  kick: { does: "command.kick", takes: "person", isForModerators: true },
} as const satisfies Readonly<Record<string, Described>>;

export type CommandName = keyof typeof COMMANDS;
export const COMMAND_NAMES = Object.keys(COMMANDS) as readonly CommandName[];

export interface Somebody {
  readonly id: EndpointId;
  readonly displayName: string;
}

export type Typed =
  /** Words for the chat; `body` is what to say. */
  | { readonly kind: "line"; readonly body: string }
  | {
      readonly kind: "command";
      readonly name: CommandName;
      readonly person: EndpointId;
      readonly text: string;
    }
  | {
      readonly kind: "mistake";
      readonly says: Key;
      readonly values: Readonly<Record<string, string>>;
    };

/** How a command is written, with words for what it takes. */
export function usageOf(name: CommandName, who: string, what: string): string {
  const { takes } = COMMANDS[name];
  const parts = [`/${name}`, takes === "none" ? "" : who, takes === "person-and-text" ? what : ""];
  return parts.filter(Boolean).join(" ");
}

/**
 * Two slashes say a line that begins with one. What has more slashes, as a path has, is a line too;
 * a word that is no command is not sent, because it was meant to be one.
 */
export function readTyped(typed: string, people: readonly Somebody[], isModerator: boolean): Typed {
  if (typed.startsWith("//")) return { kind: "line", body: typed.slice(1) };
  const found = /^\/([\p{L}-]+)(?:\s+([\s\S]*))?$/u.exec(typed);
  if (!found) return { kind: "line", body: typed };
  const word = found[1]!.toLowerCase();
  const rest = (found[2] ?? "").trim();
  const name = COMMAND_NAMES.find((each) => each === word);
  if (!name) return { kind: "mistake", says: "command.unknown", values: { command: `/${word}` } };
  const { takes, isForModerators }: Described = COMMANDS[name];
  if (isForModerators && !isModerator) {
    return { kind: "mistake", says: "command.forModerators", values: {} };
  }
  if (takes === "none") return { kind: "command", name, person: "", text: "" };
  const [who, text] = withoutName(rest, people, takes === "person");
  if (who.length === 0) {
    const values = { name: rest, command: name };
    return {
      kind: "mistake",
      says: rest === "" ? "command.nameMissing" : "command.nobody",
      values,
    };
  }
  if (who.length > 1) return { kind: "mistake", says: "command.several", values: { name: rest } };
  if (takes === "person-and-text" && text === "") {
    return { kind: "mistake", says: "command.textMissing", values: {} };
  }
  return { kind: "command", name, person: who[0]!.id, text };
}

/**
 * Who is meant, and what follows the name: the longest whole name the text begins with, else all
 * whose name begins with its first word (with all of it, when nothing but a name is expected).
 */
function withoutName(
  text: string,
  people: readonly Somebody[],
  isAllName: boolean,
): [readonly Somebody[], string] {
  const lower = text.toLocaleLowerCase();
  const named = people.map((person) => ({
    person,
    name: person.displayName.trim().toLocaleLowerCase(),
  }));
  const whole = named.filter(
    ({ name }) => name !== "" && (lower === name || (!isAllName && lower.startsWith(`${name} `))),
  );
  const longest = Math.max(0, ...whole.map(({ name }) => name.length));
  if (longest > 0) {
    const meant = whole.filter(({ name }) => name.length === longest);
    return [meant.map(({ person }) => person), text.slice(longest).trim()];
  }
  const beginning = isAllName ? lower : (lower.split(/\s/, 1)[0] ?? "");
  const meant = named.filter(({ name }) => beginning !== "" && name.startsWith(beginning));
  return [meant.map(({ person }) => person), text.slice(beginning.length).trim()];
}
