/**
 * On the way in: connecting, waiting until the meeting opens, in the lobby, or asked for a password
 * or a name. One's own picture small, one sentence, what will happen by itself, and one way out.
 */
import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import {
  bodyState,
  conference,
  devices,
  localVersion,
  meeting,
  openStart,
  signIn,
  site,
} from "../app";
import { Avatar } from "../avatar";
import { t } from "../language";
import { LobbyTalk } from "../meeting/at-the-door";
import { VideoView } from "../meeting/video-view";
import { isOnline } from "../online";
import { remember } from "../preferences";
import { LogInDialog } from "./log-in";

function OwnPreview({ room }: { room: string }): JSX.Element {
  void localVersion.value;
  const { displayName } = conference.value;
  const track = devices().cameraTrack;
  return (
    <div class="entry-preview">
      {track ? (
        <VideoView track={track} isMirrored label={t("check.preview")} />
      ) : (
        <Avatar id={displayName || room} name={displayName} />
      )}
    </div>
  );
}

function Words({ title, detail }: { title: string; detail: string }): JSX.Element {
  return (
    <div role="status">
      <h1>{title}</h1>
      <p>{detail}</p>
    </div>
  );
}

function Progress(): JSX.Element {
  return (
    <div class="progress" aria-hidden="true">
      <span />
    </div>
  );
}

export function EntryPage({ room }: { room: string }): JSX.Element {
  const { waitsForHost, question, isServerSilent } = conference.value;
  let middle: ComponentChildren;
  switch (isServerSilent ? "silent" : bodyState.value) {
    case "silent":
      middle = <Silent />;
      break;
    case "asked":
      middle = question === "name" ? <NameQuestion /> : <PasswordQuestion />;
      break;
    case "knocking":
      middle = waitsForHost ? <HostWait /> : <Knocking />;
      break;
    case "waiting":
      middle = waitsForHost ? (
        <HostWait />
      ) : (
        <>
          <Words title={t("waiting.title")} detail={t("waiting.detail")} />
          <Progress />
        </>
      );
      break;
    default:
      middle = (
        <>
          <Words title={t("connecting.title", { room })} detail={t("connecting.detail")} />
          <Progress />
        </>
      );
  }
  return (
    <main class="entry">
      <OwnPreview room={room} />
      {middle}
      <button type="button" class="button" data-testid="cancel" onClick={() => openStart()}>
        {t(bodyState.value === "knocking" ? "knocking.leave" : "cancel")}
      </button>
    </main>
  );
}

/** Nobody answers: what may be wrong, and what happens by itself. */
function Silent(): JSX.Element {
  return (
    <>
      <Words
        title={t("silent.title")}
        detail={t(isOnline.value ? "silent.detail" : "silent.offline")}
      />
      <Progress />
      <button
        type="button"
        class="button primary"
        data-testid="try-now"
        onClick={() => meeting.value?.tryNow()}
      >
        {t("error.retry")}
      </button>
    </>
  );
}

function Knocking(): JSX.Element {
  const hasPassword = useSignal(false);
  const { lines } = conference.value.lobby;
  return (
    <>
      <Words title={t("knocking.title")} detail={t("knocking.detail")} />
      <Progress />
      <LobbyTalk
        lines={lines.map((line) => ({
          ...line,
          name: t(line.isOwn ? "chat.you" : "knocking.moderator"),
        }))}
        onSay={(body) => meeting.value?.sayInLobby(body) === true}
      />
      {hasPassword.value ? (
        <PasswordForm />
      ) : (
        <button
          type="button"
          class="button quiet"
          data-testid="have-password"
          onClick={() => {
            hasPassword.value = true;
          }}
        >
          {t("knocking.password")}
        </button>
      )}
    </>
  );
}

function HostWait(): JSX.Element {
  const isLoggingIn = useSignal(false);
  return (
    <>
      <Words title={t("hostWait.title")} detail={t("hostWait.detail")} />
      <Progress />
      {(site.hasLogins || site.signInUrl !== "") && (
        <button
          type="button"
          class="button primary"
          data-testid="log-in"
          onClick={() => {
            if (site.signInUrl === "") isLoggingIn.value = true;
            else signIn();
          }}
        >
          {t("hostWait.logIn")}
        </button>
      )}
      {isLoggingIn.value && (
        <LogInDialog
          onClose={() => {
            isLoggingIn.value = false;
          }}
        />
      )}
    </>
  );
}

function PasswordForm(): JSX.Element {
  const text = useSignal("");
  const input = useRef<HTMLInputElement>(null);
  const wasWrong = conference.value.question === "password-again";
  useLayoutEffect(() => input.current?.focus(), []);
  return (
    <form
      class="entry-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.value !== "") meeting.value?.answer({ password: text.value });
      }}
    >
      <input
        ref={input}
        class="field"
        type="password"
        data-testid="password"
        autocomplete="off"
        maxLength={100}
        aria-label={t("password.label")}
        aria-invalid={wasWrong}
        placeholder={t("password.label")}
        value={text.value}
        onInput={(event) => {
          text.value = event.currentTarget.value;
        }}
      />
      <button
        type="submit"
        class="button primary"
        data-testid="password-enter"
        disabled={text.value === ""}
      >
        {t("password.enter")}
      </button>
    </form>
  );
}

function PasswordQuestion(): JSX.Element {
  const wasWrong = conference.value.question === "password-again";
  return (
    <>
      <Words
        title={t(wasWrong ? "password.wrong" : "password.title")}
        detail={t(wasWrong ? "password.wrongDetail" : "password.detail")}
      />
      <PasswordForm />
    </>
  );
}

function NameQuestion(): JSX.Element {
  const text = useSignal("");
  const input = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => input.current?.focus(), []);
  return (
    <>
      <Words title={t("askName.title")} detail={t("askName.detail")} />
      <form
        class="entry-form"
        onSubmit={(event) => {
          event.preventDefault();
          const displayName = text.value.trim();
          if (displayName === "") return;
          remember({ displayName });
          meeting.value?.answer({ displayName });
        }}
      >
        <input
          ref={input}
          class="field"
          data-testid="ask-name"
          autocomplete="name"
          maxLength={80}
          aria-label={t("check.name")}
          placeholder={t("check.name")}
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value;
          }}
        />
        <button
          type="submit"
          class="button primary"
          data-testid="ask-name-enter"
          disabled={text.value.trim() === ""}
        >
          {t("password.enter")}
        </button>
      </form>
    </>
  );
}
