/** Messages of one person within a minute stand together. */
import type { ChatEntry } from "../../conference/state";

export interface ChatGroup {
  readonly key: string;
  readonly from: string;
  readonly name: string;
  readonly isOwn: boolean;
  readonly isPrivate: boolean;
  readonly partner: string;
  readonly partnerName: string;
  readonly isHistory: boolean;
  readonly at: number;
  readonly entries: readonly ChatEntry[];
}

const SAME_MOMENT_MS = 60_000;

export function groupChat(entries: readonly ChatEntry[]): ChatGroup[] {
  const groups: ChatGroup[] = [];
  entries.forEach((entry, index) => {
    const last = groups.at(-1);
    const belongs =
      last &&
      last.from === entry.from &&
      last.isPrivate === entry.isPrivate &&
      last.partner === entry.partner &&
      last.isHistory === entry.isHistory &&
      entry.at - last.at < SAME_MOMENT_MS;
    if (belongs) {
      groups[groups.length - 1] = { ...last, entries: [...last.entries, entry] };
    } else {
      groups.push({
        key: `${entry.id}-${index}`,
        from: entry.from,
        name: entry.name,
        isOwn: entry.isOwn,
        isPrivate: entry.isPrivate,
        partner: entry.partner,
        partnerName: entry.partnerName,
        isHistory: entry.isHistory,
        at: entry.at,
        entries: [entry],
      });
    }
  });
  return groups;
}
