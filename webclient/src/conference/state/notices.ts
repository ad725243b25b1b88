/** What is said to the person here: one line in the log; the interface has the words. */
export type NoticeKind =
  | "joined"
  | "left"
  | "removed-other"
  | "hand-raised"
  | "hand-lowered"
  | "attendance-on"
  | "attendance-failed"
  | "muted-by"
  | "camera-off-by"
  | "share-stopped-by"
  | "sharing-started"
  | "sharing-stopped"
  | "chat-refused"
  | "no-bridge"
  | "back-online"
  | "over-tcp"
  | "echo"
  | "media-interrupted"
  | "media-restored"
  | "microphone-blocked"
  | "microphone-missing"
  | "microphone-busy"
  | "camera-blocked"
  | "camera-missing"
  | "camera-busy"
  | "without-camera"
  | "share-failed"
  | "background-too-slow"
  | "background-failed"
  | "noise-failed"
  | "not-permitted-audio"
  | "not-permitted-video"
  | "not-permitted-desktop"
  | "unencrypted-audio"
  | "unencrypted-video"
  | "unencrypted-desktop"
  | "invitation-copied"
  | "copy-failed"
  | "leader-link-copied"
  | "leader-link-refused"
  | "action-refused"
  | "refused-because"
  | "now-moderator"
  | "moderator-no-more"
  | "ask-first-audio"
  | "ask-first-video"
  | "ask-first-desktop"
  | "free-audio"
  | "free-video"
  | "free-desktop"
  | "allowed-audio"
  | "allowed-video"
  | "allowed-desktop"
  | "allowed-no-more"
  | "started-muted"
  | "started-without-camera"
  | "lobby-on"
  | "lobby-off"
  | "lobby-admitted"
  | "lobby-refused"
  | "password-set"
  | "password-removed"
  | "poll-opened"
  | "poll-closed"
  | "file-shared"
  | "file-failed"
  | "breakout-entered"
  | "breakout-returned"
  | "breakout-announced"
  | "breakouts-end-soon"
  | "server-says";

export interface Notice {
  readonly id: number;
  readonly kind: NoticeKind;
  /** Whom it is about, or what was said. */
  readonly name: string;
  readonly at: number;
}

/** The part of the state that holds notices. */
export interface WithNotices {
  readonly notices: readonly Notice[];
  readonly nextId: number;
}

const MAX_NOTICES = 100;

export function noticed<S extends WithNotices>(
  state: S,
  kind: NoticeKind,
  name: string,
  at: number,
): S {
  return {
    ...state,
    nextId: state.nextId + 1,
    notices: [...state.notices.slice(-MAX_NOTICES + 1), { id: state.nextId, kind, name, at }],
  };
}
