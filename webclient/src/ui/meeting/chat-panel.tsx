/** The chat: keeps its place, groups by sender and minute, shows links and nothing else as links. */
import { Fragment, type JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { conference, readUntil } from "../app";
import { formatTime, t } from "../language";
import { ChatForm } from "./chat-form";
import { type ChatGroup, groupChat } from "./chat-grouping";
import { ChatLine } from "./chat-line";
import { displayNameOf } from "./names";
import { PanelFrame } from "./panel";

/** How long what is written here stays. */
function retentionText(): string | null {
  const { retention } = conference.value.rules.metadata;
  switch (retention?.kind) {
    case "none":
      return t("chat.keptNot");
    case "meeting":
      return t("chat.keptMeeting");
    case "days":
      return t("chat.keptDays", { count: retention.days });
    default:
      return null;
  }
}

function whoText(group: ChatGroup): string {
  if (!group.isPrivate) return "";
  return group.isOwn
    ? t("chat.toName", { name: displayNameOf(group.partnerName) })
    : t("chat.private");
}

function Group({ group }: { group: ChatGroup }): JSX.Element {
  return (
    <section class="chat-group" data-own={group.isOwn} data-private={group.isPrivate}>
      <p class="chat-who">
        <strong>{group.isOwn ? t("chat.you") : displayNameOf(group.name)}</strong>
        {group.isPrivate && <span class="chat-private">{whoText(group)}</span>}
        <time>{formatTime(group.at)}</time>
      </p>
      {group.entries.map((entry, index) => (
        <ChatLine key={`${entry.id}-${index}`} line={entry} />
      ))}
    </section>
  );
}

export function ChatPanel(): JSX.Element {
  const { chat, breakouts } = conference.value;
  const list = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  const groups = groupChat(chat);
  const firstNew = groups.findIndex((group) => !group.isHistory);
  const retention = retentionText();

  useEffect(() => {
    readUntil.value = Date.now();
  }, [chat.length]);
  // Follows new messages only while the newest is in sight: whoever reads back stays there.
  useLayoutEffect(() => {
    const box = list.current;
    if (box && isAtEnd.current) box.scrollTop = box.scrollHeight;
  }, [chat]);

  return (
    <PanelFrame title={t("chat.title")}>
      {retention && (
        <p class="panel-note label" data-testid="chat-retention">
          {retention}
        </p>
      )}
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
        {chat.length === 0 && (
          <p class="panel-empty label">
            {t(breakouts.here === "" ? "chat.empty" : "chat.emptyGroup")}
          </p>
        )}
        {groups.map((group, index) => (
          <Fragment key={group.key}>
            {index === firstNew && index > 0 && (
              <p class="chat-divider" data-testid="history-end">
                {t("chat.youCame")}
              </p>
            )}
            <Group group={group} />
          </Fragment>
        ))}
      </div>
      <ChatForm
        onSent={() => {
          isAtEnd.current = true;
        }}
      />
    </PanelFrame>
  );
}
