/** Tells screen readers once what others see: quietly for talk, at once for what concerns you. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../language";
import { useParts } from "../selected";
import { displayNameOf } from "./names";
import { isUrgent, noticeText } from "./notices";

export function Announcer(): JSX.Element {
  const polite = useSignal("");
  const assertive = useSignal("");
  const { notices, chat, lobby } = useParts("notices", "chat", "lobby");
  const seenNotice = useRef(notices.at(-1)?.id ?? 0);
  const seenWaiting = useRef(lobby.waiting.length);
  const seenChat = useRef(chat.length);

  useEffect(() => {
    const last = notices.at(-1);
    if (!last || last.id <= seenNotice.current) return;
    seenNotice.current = last.id;
    if (isUrgent(last.kind)) assertive.value = noticeText(last);
    else polite.value = noticeText(last);
  }, [notices]);

  useEffect(() => {
    const last = chat.at(-1);
    if (!last || chat.length <= seenChat.current) return;
    seenChat.current = chat.length;
    if (!last.isOwn && !last.isHistory) {
      polite.value = t("chat.from", { name: displayNameOf(last.name), text: last.body });
    }
  }, [chat]);

  useEffect(() => {
    const last = lobby.waiting.at(-1);
    if (last && lobby.waiting.length > seenWaiting.current) {
      polite.value = t("door.wantsIn", { name: displayNameOf(last.name) });
    }
    seenWaiting.current = lobby.waiting.length;
  }, [lobby.waiting]);

  return (
    <>
      <p class="visually-hidden" aria-live="polite">
        {polite.value}
      </p>
      <p class="visually-hidden" aria-live="assertive">
        {assertive.value}
      </p>
    </>
  );
}
