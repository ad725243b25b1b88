/** One line of chat, with what can be done to it. */
import type { JSX } from "preact";
import type { ChatEntry } from "../../conference/state";
import { conference, meeting } from "../app";
import { t } from "../language";
import { splitLinks } from "../links";
import { answering, editing, iMay } from "./intents";
import { displayNameOf, nameOf } from "./names";
import { MenuItem, Popover } from "./popover";

const EMOJI = ["👍", "❤️", "😂", "🎉", "🤔"] as const;

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

/** The line that is answered, in a few words. */
function Quote({ id }: { id: string }): JSX.Element {
  const line = conference.value.chat.find((each) => each.id === id);
  return (
    <span class="chat-quote">
      {line ? (
        <>
          <strong>{line.isOwn ? t("chat.you") : displayNameOf(line.name)}</strong>{" "}
          {line.isRetracted ? t("chat.deleted") : line.body}
        </>
      ) : (
        t("chat.earlier")
      )}
    </span>
  );
}

export function ChatLine({ line }: { line: ChatEntry }): JSX.Element {
  const { ownId } = conference.value;
  const reactions = Object.entries(line.reactions);
  return (
    <div class="chat-line" data-testid="chat-line" data-id={line.id}>
      {line.replyTo !== "" && <Quote id={line.replyTo} />}
      <p class="chat-text" data-testid="chat-message" data-retracted={line.isRetracted}>
        {line.isRetracted ? t("chat.deleted") : <MessageText text={line.body} />}
        {line.isRefused && <span class="chat-not-sent"> {t("chat.notSent")}</span>}
        {line.isEdited && !line.isRetracted && <span class="chat-edited"> {t("chat.edited")}</span>}
      </p>
      {reactions.length > 0 && (
        <div class="chat-reactions">
          {reactions.map(([emoji, people]) => {
            const names = people.map((who) => nameOf(who)).join(", ");
            return (
              <button
                key={emoji}
                type="button"
                class="chat-reaction"
                data-testid="chat-reaction"
                aria-pressed={people.includes(ownId)}
                aria-label={`${emoji} ${people.length}: ${names}`}
                title={names}
                onClick={() => meeting.value?.chat.react(line, emoji)}
              >
                {emoji} {people.length}
              </button>
            );
          })}
        </div>
      )}
      {!line.isRetracted && !line.isRefused && line.id !== "" && <LineMenu line={line} />}
    </div>
  );
}

function LineMenu({ line }: { line: ChatEntry }): JSX.Element | null {
  const { isModerator } = conference.value;
  const mayWrite = line.isPrivate || iMay("chat");
  const mayDelete = line.isOwn || (isModerator && !line.isPrivate);
  if (!mayWrite && !mayDelete) return null;
  return (
    <Popover
      class="button quiet square chat-menu"
      testId="chat-menu"
      label={t("chat.options")}
      icon="ellipsis"
      isMenu
    >
      {mayWrite && (
        <div class="reaction-choices" role="none">
          {EMOJI.map((emoji) => (
            <button
              key={emoji}
              type="button"
              role="menuitem"
              tabIndex={-1}
              class="reaction-choice"
              data-testid={`react-${emoji}`}
              aria-label={t("chat.reactWith", { emoji })}
              onClick={() => meeting.value?.chat.react(line, emoji)}
            >
              {emoji}
            </button>
          ))}
        </div>
      )}
      {mayWrite && (
        <MenuItem
          icon="reply"
          text={t("chat.reply")}
          testId="chat-reply"
          onPick={() => {
            editing.value = null;
            answering.value = line;
          }}
        />
      )}
      {line.isOwn && mayWrite && (
        <MenuItem
          icon="edit"
          text={t("chat.edit")}
          testId="chat-edit"
          onPick={() => {
            answering.value = null;
            editing.value = line;
          }}
        />
      )}
      {mayDelete && (
        <MenuItem
          icon="trash"
          class="danger"
          text={t("chat.delete")}
          testId="chat-delete"
          onPick={() => meeting.value?.chat.retract(line)}
        />
      )}
    </Popover>
  );
}
