/** For moderators: who waits in the lobby, in the list of people and as a toast. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { Waiting } from "../../conference/state/lobby";
import { conference, meeting, panel } from "../app";
import { Avatar } from "../avatar";
import { Icon } from "../icons";
import { t } from "../language";
import { useParts } from "../selected";
import { displayNameOf } from "./names";

function admit(people: readonly Waiting[]): void {
  meeting.value?.lobby.admit(people.map((each) => each.id));
}

export function AtTheDoor(): JSX.Element | null {
  const { lobby, isModerator } = useParts("lobby", "isModerator");
  if (!isModerator || lobby.waiting.length === 0) return null;
  return (
    <section class="door-list" aria-label={t("door.waiting")}>
      <header>
        <h3>{t("door.waitingCount", { count: lobby.waiting.length })}</h3>
        {lobby.waiting.length > 1 && (
          <button
            type="button"
            class="button"
            data-testid="admit-all"
            onClick={() => admit(lobby.waiting)}
          >
            {t("door.admitAll")}
          </button>
        )}
      </header>
      <ul>
        {lobby.waiting.map((person) => (
          <AtDoor key={person.id} person={person} />
        ))}
      </ul>
    </section>
  );
}

function AtDoor({ person }: { person: Waiting }): JSX.Element {
  const name = displayNameOf(person.name);
  const isWriting = useSignal(false);
  const said = conference.value.lobby.lines.filter((line) => line.with === person.id);
  return (
    <li class="at-door" data-testid="waiting" data-name={person.name}>
      <Avatar id={person.id} name={person.name} />
      <span class="person-name">{name}</span>
      <button
        type="button"
        class="button quiet square"
        aria-label={t("door.writeTo", { name })}
        title={t("door.writeTo", { name })}
        aria-expanded={isWriting.value || said.length > 0}
        onClick={() => {
          isWriting.value = !isWriting.value;
        }}
      >
        <Icon name="chat" />
      </button>
      <button
        type="button"
        class="button quiet square"
        data-testid="refuse"
        aria-label={t("door.refuse", { name })}
        title={t("door.refuse", { name })}
        onClick={() => void meeting.value?.lobby.refuse(person.id)}
      >
        <Icon name="close" />
      </button>
      <button
        type="button"
        class="button primary square"
        data-testid="admit"
        aria-label={t("door.admit", { name })}
        title={t("door.admit", { name })}
        onClick={() => admit([person])}
      >
        <Icon name="check" />
      </button>
      {(isWriting.value || said.length > 0) && (
        <LobbyTalk
          lines={said.map((line) => ({ ...line, name: line.isOwn ? t("chat.you") : name }))}
          onSay={(body) => meeting.value?.lobby.say(person.id, body) === true}
        />
      )}
    </li>
  );
}

/** The few words between the two sides of the door. */
export function LobbyTalk({
  lines,
  onSay,
}: {
  lines: readonly { id: number; name: string; body: string; isOwn: boolean }[];
  onSay: (body: string) => boolean;
}): JSX.Element {
  const text = useSignal("");
  return (
    <div class="lobby-talk">
      <div role="log" aria-label={t("chat.messages")}>
        {lines.map((line) => (
          <p key={line.id} data-own={line.isOwn} data-testid="lobby-line">
            <strong>{line.name}</strong> {line.body}
          </p>
        ))}
      </div>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (onSay(text.value.trim())) text.value = "";
        }}
      >
        <input
          class="field"
          data-testid="lobby-input"
          maxLength={1000}
          placeholder={t("door.write")}
          aria-label={t("door.write")}
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value;
          }}
        />
        <button
          type="submit"
          class="button square"
          data-testid="lobby-send"
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

/** Stays until somebody decides: a person waits behind it. */
export function DoorToast(): JSX.Element | null {
  const { lobby, isModerator } = useParts("lobby", "isModerator");
  const [first, ...more] = lobby.waiting;
  if (!isModerator || !first || panel.value === "people") return null;
  const name = displayNameOf(first.name);
  return (
    <div class="toast action door-toast" data-testid="door-toast">
      <Icon name="door" />
      <span>
        {more.length === 0
          ? t("door.wantsIn", { name })
          : t("door.wantIn", { name, count: more.length })}
      </span>
      <div class="door-buttons">
        <button
          type="button"
          class="button primary"
          data-testid="toast-admit"
          onClick={() => admit(lobby.waiting)}
        >
          {more.length === 0 ? t("door.letIn") : t("door.admitAll")}
        </button>
        <button
          type="button"
          class="button"
          data-testid={more.length === 0 ? "toast-refuse" : "toast-see"}
          onClick={() => {
            if (more.length === 0) void meeting.value?.lobby.refuse(first.id);
            else panel.value = "people";
          }}
        >
          {t(more.length === 0 ? "door.notNow" : "door.see")}
        </button>
      </div>
    </div>
  );
}
