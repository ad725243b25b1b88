/** The sentence of a notice, and whether it is worth interrupting for. */
import type { Notice, NoticeKind } from "../../conference/state";
import { type Key, t } from "../language";

export function noticeText(notice: Notice): string {
  const name = notice.name.trim() === "" ? t("notice.someone") : notice.name;
  // The server's own words follow a refusal; "somebody" would be wrong there.
  const value = notice.kind === "chat-refused" ? notice.name : name;
  return t(`notice.${notice.kind}` as Key, { name: value }).trim();
}

const URGENT: readonly NoticeKind[] = [
  "muted-by",
  "camera-off-by",
  "share-stopped-by",
  "media-interrupted",
  "chat-refused",
  "action-refused",
  "share-failed",
  "no-bridge",
  "camera-blocked",
  "camera-busy",
  "camera-missing",
  "microphone-blocked",
  "microphone-busy",
  "microphone-missing",
];

export function isUrgent(kind: NoticeKind): boolean {
  return URGENT.includes(kind);
}
