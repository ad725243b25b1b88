/** The sentence of a notice, and whether it is worth interrupting for. */
import type { Notice, NoticeKind } from "../../conference/state";
import { type Key, t } from "../language";

/** What somebody said stands in the sentence, not who it is about. */
const IN_THEIR_WORDS: readonly NoticeKind[] = [
  "chat-refused",
  "refused-because",
  "server-says",
  "breakout-announced",
];

export function noticeText(notice: Notice): string {
  const name = notice.name.trim() === "" ? t("notice.someone") : notice.name;
  // The server's own words follow a refusal; "somebody" would be wrong there.
  const value = IN_THEIR_WORDS.includes(notice.kind) ? notice.name : name;
  return t(`notice.${notice.kind}` as Key, { name: value }).trim();
}

const URGENT: readonly NoticeKind[] = [
  "muted-by",
  "camera-off-by",
  "share-stopped-by",
  "media-interrupted",
  "echo",
  "chat-refused",
  "refused-because",
  "moderator-no-more",
  "ask-first-audio",
  "allowed-audio",
  "allowed-no-more",
  "not-permitted-audio",
  "not-permitted-video",
  "not-permitted-desktop",
  "unencrypted-audio",
  "unencrypted-video",
  "unencrypted-desktop",
  "breakouts-end-soon",
  "breakout-announced",
  "file-failed",
  "attendance-failed",
  "action-refused",
  "leader-link-refused",
  "share-failed",
  "no-bridge",
  "camera-blocked",
  "camera-busy",
  "camera-missing",
  "without-camera",
  "microphone-blocked",
  "microphone-busy",
  "microphone-missing",
];

export function isUrgent(kind: NoticeKind): boolean {
  return URGENT.includes(kind);
}
