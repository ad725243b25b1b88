/** One line, at most two, gone in 5 s; the log keeps them. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { isAudioBlocked, panel } from "../app";
import { Icon } from "../icons";
import { t } from "../language";
import { useSelected } from "../selected";
import { DoorToast } from "./at-the-door";
import { resumeAudio } from "./audio-output";
import { CameraRequired } from "./camera-required";
import { displayNameOf } from "./names";
import { isUrgent, noticeText } from "./notices";

const SHOWN_MS = 5_000;

export function Toasts(): JSX.Element {
  const now = useSignal(Date.now());
  const notices = useSelected((state) => state.notices);
  const chat = useSelected((state) => state.chat);
  useEffect(() => {
    now.value = Date.now();
    const timer = window.setTimeout(() => {
      now.value = Date.now();
    }, SHOWN_MS + 50);
    return () => window.clearTimeout(timer);
  }, [notices.length, notices.at(-1)?.id, chat.length]);

  const lastMessage = chat.at(-1);
  const recentChat =
    lastMessage &&
    !lastMessage.isOwn &&
    !lastMessage.isHistory &&
    !lastMessage.isRetracted &&
    panel.value !== "chat" &&
    now.value - lastMessage.at < SHOWN_MS
      ? [{ id: `chat-${lastMessage.id}`, at: lastMessage.at, kind: "chat" as const }]
      : [];
  const recent = [
    ...notices
      .filter((notice) => now.value - notice.at < SHOWN_MS)
      .map((notice) => ({ ...notice, id: String(notice.id) })),
    ...recentChat,
  ]
    .sort((a, b) => a.at - b.at)
    .slice(-2);
  return (
    <div class="toasts">
      {isAudioBlocked.value && (
        <div class="toast action" role="alert">
          <Icon name="speaker" />
          <span>{t("meeting.audioBlocked")}</span>
          <button type="button" class="button primary" onClick={() => resumeAudio()}>
            {t("meeting.hearEverybody")}
          </button>
        </div>
      )}
      <CameraRequired />
      <DoorToast />
      {recent.map((each) =>
        each.kind === "chat" && lastMessage ? (
          <button
            type="button"
            class="toast chat-toast"
            key={each.id}
            onClick={() => {
              panel.value = "chat";
            }}
          >
            <Icon name="chat" />
            <span>
              <strong>{displayNameOf(lastMessage.name)}</strong> {lastMessage.body}
            </span>
          </button>
        ) : (
          each.kind !== "chat" && (
            <p class="toast" key={each.id} data-testid="toast" data-urgent={isUrgent(each.kind)}>
              {isUrgent(each.kind) && <Icon name="alert" />}
              <span>{noticeText({ ...each, id: Number(each.id) })}</span>
            </p>
          )
        ),
      )}
    </div>
  );
}
