/** Where one writes: to everybody or to one person, anew, as an answer, or a line once more. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { conference, meeting } from "../app";
import { Icon } from "../icons";
import { t } from "../language";
import { readTyped } from "./chat-commands";
import { answering, editing, iMay, iMayWriteTo, writingTo } from "./intents";
import { displayNameOf, nameOf } from "./names";
import { runCommand } from "./run-command";

/** What was being written stays while the panel is closed. */
let draft = "";

const MAX_HEIGHT = 140;

/** What is special about the next line, with the way out of it. */
function Intent({ text, onDrop }: { text: string; onDrop: () => void }): JSX.Element {
  return (
    <div class="chat-intent" data-testid="chat-intent">
      <span>{text}</span>
      <button
        type="button"
        class="button quiet square"
        data-testid="chat-intent-drop"
        aria-label={t("cancel")}
        title={t("cancel")}
        onClick={onDrop}
      >
        <Icon name="close" />
      </button>
    </div>
  );
}

function Intents({ onEditDropped }: { onEditDropped: () => void }): JSX.Element | null {
  if (editing.value) return <Intent text={t("chat.editing")} onDrop={onEditDropped} />;
  const answered = answering.value;
  const to = answered?.partner || writingTo.value;
  return (
    <>
      {answered && (
        <Intent
          text={t("chat.answering", { name: displayNameOf(answered.name), text: answered.body })}
          onDrop={() => {
            answering.value = null;
          }}
        />
      )}
      {to !== "" && !answered && (
        <Intent
          text={t("chat.toOne", { name: nameOf(to) })}
          onDrop={() => {
            writingTo.value = "";
          }}
        />
      )}
    </>
  );
}

export function ChatForm({ onSent }: { onSent: () => void }): JSX.Element {
  const text = useSignal(draft);
  /** What became of a command. */
  const answer = useSignal("");
  const input = useRef<HTMLTextAreaElement>(null);
  const to = answering.value?.partner || writingTo.value;
  const isHere = to === "" || conference.value.participants.some((each) => each.id === to);
  const mayWrite = editing.value ? true : to === "" ? iMay("chat") : isHere && iMayWriteTo(to);

  const write = (value: string): void => {
    draft = value;
    text.value = value;
  };
  useLayoutEffect(() => {
    if (editing.value) write(editing.value.body);
    input.current?.focus();
  }, [editing.value, answering.value, writingTo.value]);
  useLayoutEffect(() => {
    const field = input.current;
    if (!field) return;
    field.style.height = "auto";
    field.style.height = `${Math.min(field.scrollHeight + 2, MAX_HEIGHT)}px`;
  }, [text.value]);

  const stopEditing = (): void => {
    editing.value = null;
    write("");
  };
  const send = (): void => {
    const chat = meeting.value?.chat;
    const body = text.value.trim();
    if (!chat || body === "") return;
    if (editing.value) {
      chat.edit(editing.value, body);
      stopEditing();
      return;
    }
    const { participants, isModerator } = conference.value;
    const typed = readTyped(body, participants, isModerator);
    if (typed.kind === "mistake") {
      answer.value = t(typed.says, typed.values);
      return;
    }
    if (typed.kind === "command") {
      write("");
      answer.value = runCommand(typed);
      return;
    }
    if (!chat.say(typed.body, { to, replyTo: answering.value?.id ?? "" })) return;
    answering.value = null;
    write("");
    onSent();
  };
  const press = (event: KeyboardEvent): void => {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send();
    } else if (event.key === "Escape" && (editing.value || answering.value)) {
      event.preventDefault();
      event.stopPropagation();
      if (editing.value) stopEditing();
      answering.value = null;
    } else if (event.key === "ArrowUp" && text.value === "") {
      const last = conference.value.chat.findLast(
        (line) => line.isOwn && !line.isRetracted && !line.isRefused,
      );
      if (!last) return;
      event.preventDefault();
      editing.value = last;
    }
  };

  if (!mayWrite) {
    return (
      <div class="chat-closed" data-testid="chat-closed">
        <Intents onEditDropped={stopEditing} />
        <p class="label">{t(to === "" || isHere ? "chat.forModerators" : "chat.partnerGone")}</p>
      </div>
    );
  }
  const placeholder = to === "" ? t("chat.placeholder") : t("chat.placeholderOne");
  return (
    <div class="chat-foot" data-private={to !== ""}>
      <Intents onEditDropped={stopEditing} />
      <p class="chat-answer label" role="status" data-testid="command-answer">
        {answer.value}
      </p>
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
          placeholder={placeholder}
          aria-label={placeholder}
          value={text.value}
          onInput={(event) => {
            answer.value = "";
            write(event.currentTarget.value);
          }}
          onKeyDown={press}
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
    </div>
  );
}
