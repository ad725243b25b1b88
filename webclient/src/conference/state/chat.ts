/** The written part of a meeting: lines, and what is done to them afterwards. */
import type { EndpointId } from "../../protocol/ids";
import type { ChatChange } from "../../protocol/messages";

export interface ChatEntry {
  readonly id: string;
  readonly from: EndpointId;
  readonly name: string;
  readonly body: string;
  readonly at: number;
  readonly isOwn: boolean;
  readonly isPrivate: boolean;
  /** Of a private line: the other person, whoever of the two wrote it; empty otherwise. */
  readonly partner: EndpointId;
  readonly partnerName: string;
  readonly replyTo: string;
  readonly isEdited: boolean;
  readonly isRetracted: boolean;
  /** A private line of our own that did not go out. */
  readonly isRefused?: boolean;
  /** Said before we came. */
  readonly isHistory: boolean;
  /** Who reacted, by emoji. */
  readonly reactions: Readonly<Record<string, readonly EndpointId[]>>;
}

export type ChatLog = readonly ChatEntry[];

const MAX_CHAT = 1000;

export function lineReceived(log: ChatLog, entry: ChatEntry): ChatLog {
  // After a reconnection the room tells its history again.
  if (entry.id !== "" && log.some((each) => each.id === entry.id)) return log;
  return [...log.slice(-MAX_CHAT + 1), entry];
}

/** The room said no to a line of our own that stands here already. */
export function lineRefused(log: ChatLog, id: string): ChatLog {
  const line = log.find((each) => id !== "" && each.id === id && each.isOwn);
  return line ? log.map((each) => (each === line ? { ...line, isRefused: true } : each)) : log;
}

/** A change counts when it comes from whoever wrote the line; a moderator may take lines back. */
export function lineChanged(log: ChatLog, change: ChatChange, byModerator: boolean): ChatLog {
  const line = log.find((each) => each.id === change.target);
  if (!line || line.isRetracted) return log;
  const isAuthor = line.from === change.from;
  let next: ChatEntry;
  switch (change.kind) {
    case "edited":
      if (!isAuthor) return log;
      next = { ...line, body: change.body, isEdited: true };
      break;
    case "retracted":
      if (!isAuthor && !byModerator) return log;
      next = { ...line, body: "", isRetracted: true, reactions: {} };
      break;
    case "reacted":
      next = { ...line, reactions: reacted(line.reactions, change.from, change.emoji) };
      break;
  }
  return log.map((each) => (each === line ? next : each));
}

function reacted(
  before: ChatEntry["reactions"],
  from: EndpointId,
  emoji: readonly string[],
): ChatEntry["reactions"] {
  const next: Record<string, readonly EndpointId[]> = {};
  // What was there keeps its place.
  for (const each of new Set([...Object.keys(before), ...emoji])) {
    const others = (before[each] ?? []).filter((who) => who !== from);
    const all = emoji.includes(each) ? [...others, from] : others;
    if (all.length > 0) next[each] = all;
  }
  return next;
}

/** The reactions that one has to a line, after choosing `emoji` once more or for the first time. */
export function toggled(line: ChatEntry, own: EndpointId, emoji: string): string[] {
  const mine = Object.entries(line.reactions)
    .filter(([, people]) => people.includes(own))
    .map(([each]) => each);
  return mine.includes(emoji) ? mine.filter((each) => each !== emoji) : [...mine, emoji];
}
