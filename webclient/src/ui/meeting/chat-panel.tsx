/** The chat: keeps its place, groups by sender and minute, shows links and nothing else as links. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { conference, meeting, readMessages } from "../app";
import { Icon } from "../icons";
import { formatTime, t } from "../language";
import { splitLinks } from "../links";
import { groupChat } from "./chat-grouping";
import { PanelFrame } from "./panel";
import { displayNameOf } from "./tile";

/** What was being written stays while the panel is closed. */
let draft = "";

function MessageText({ text }: { text: string }): JSX.Element {
  return (
    <>
      {splitLinks(text).map((part, index) =>
        part.kind === "text" ? (
          part.text
        ) : (
          <a key={`${index}`} href={part.href} target="_blank" rel="noopener noreferrer nofollow">
            {part.text}
          </a>
        ),
      )}
    </>
  );
}

export function ChatPanel(): JSX.Element {
  const { chat } = conference.value;
  const text = useSignal(draft);
  const list = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLTextAreaElement>(null);
  const isAtEnd = useRef(true);

  useEffect(() => input.current?.focus(), []);
  useEffect(() => {
    readMessages.value = chat.length;
  }, [chat.length]);
  // Follows new messages only while the newest is in sight: whoever reads back stays there.
  useLayoutEffect(() => {
    const box = list.current;
    if (box && isAtEnd.current) box.scrollTop = box.scrollHeight;
  }, [chat.length]);
  useLayoutEffect(() => {
    const field = input.current;
    if (!field) return;
    field.style.height = "auto";
    field.style.height = `${Math.min(field.scrollHeight + 2, 140)}px`;
  }, [text.value]);

  const write = (value: string): void => {
    draft = value;
    text.value = value;
  };
  const send = (): void => {
    isAtEnd.current = true;
    if (meeting.value?.chat.say(text.value.trim())) write("");
  };

  return (
    <PanelFrame title={t("chat.title")}>
      <div
        class="chat panel-scroll"
        ref={list}
        role="log"
        aria-live="off"
        aria-label={t("chat.messages")}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: so that the keyboard can scroll it
        tabIndex={0}
        onScroll={(event) => {
          const box = event.currentTarget;
          isAtEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
        }}
      >
        {chat.length === 0 && <p class="panel-empty label">{t("chat.empty")}</p>}
        {groupChat(chat).map((group) => (
          <section class="chat-group" key={group.key} data-own={group.isOwn}>
            <p class="chat-who">
              <strong>{group.isOwn ? t("chat.you") : displayNameOf(group.name)}</strong>
              {group.isPrivate && <span> {t("chat.private")}</span>}
              <time>{formatTime(group.at)}</time>
            </p>
            {group.entries.map((entry, index) => (
              <p class="chat-text" key={`${entry.id}-${index}`} data-testid="chat-message">
                <MessageText text={entry.body} />
              </p>
            ))}
          </section>
        ))}
      </div>
      <form
        class="chat-form"
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
      >
        <textarea
          ref={input}
          class="field"
          data-testid="chat-input"
          rows={1}
          maxLength={5000}
          placeholder={t("chat.placeholder")}
          aria-label={t("chat.placeholder")}
          value={text.value}
          onInput={(event) => write(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            send();
          }}
        />
        <button
          type="submit"
          class="button primary square"
          data-testid="chat-send"
          aria-label={t("chat.send")}
          title={t("chat.send")}
          disabled={text.value.trim() === ""}
        >
          <Icon name="send" />
        </button>
      </form>
    </PanelFrame>
  );
}
