/** The start page: one field, one button. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { inLanguage } from "../../protocol/theme";
import { openRoom, site } from "../app";
import { Icon } from "../icons";
import { language, t } from "../language";
import { forgetRoom, remembered } from "../preferences";
import { isGuessable, roomFromInput, suggestRoomName } from "../room-names";
import { Frame } from "./frame";

export function StartPage(): JSX.Element {
  const typed = useSignal("");
  const suggestion = useSignal(suggestRoomName(language.value));
  const recent = useSignal(remembered().recentRooms);
  const wanted = typed.value.trim() === "" ? suggestion.value : typed.value;

  useEffect(() => {
    suggestion.value = suggestRoomName(language.value);
  }, [language.value]);

  return (
    <Frame>
      <section class="start" aria-labelledby="start-title">
        <h1 id="start-title">{t("start.title")}</h1>
        <p class="lead" data-testid="welcome">
          {inLanguage(site.theme.welcome, language.value) ?? t("start.lead")}
        </p>
        <form
          class="start-form"
          onSubmit={(event) => {
            event.preventDefault();
            openRoom(wanted);
          }}
        >
          <label class="label" for="room-name">
            {t("start.room")}
          </label>
          <div class="start-row">
            <div class="field-with-button">
              <input
                id="room-name"
                data-testid="room-name"
                class="field"
                name="room"
                type="text"
                maxLength={200}
                autocomplete="off"
                autocapitalize="none"
                spellcheck={false}
                autofocus
                placeholder={suggestion.value}
                aria-describedby="room-hint"
                value={typed.value}
                onInput={(event) => {
                  typed.value = event.currentTarget.value;
                }}
              />
              <button
                type="button"
                class="button quiet square"
                data-testid="suggest"
                title={t("start.another")}
                aria-label={t("start.another")}
                onClick={() => {
                  typed.value = "";
                  suggestion.value = suggestRoomName(language.value);
                }}
              >
                <Icon name="refresh" />
              </button>
            </div>
            <button type="submit" class="button primary" data-testid="enter">
              {t("start.enter")}
              <Icon name="arrow-right" />
            </button>
          </div>
          <div id="room-hint" class="start-hint" aria-live="polite">
            {isGuessable(roomFromInput(typed.value)) && (
              <p class="hint" data-testid="guessable">
                <Icon name="alert" />
                <span>{t("start.guessable")}</span>
              </p>
            )}
            {!window.isSecureContext && (
              <p class="hint">
                <Icon name="warning" />
                <span>{t("start.insecure")}</span>
              </p>
            )}
          </div>
        </form>
        {recent.value.length > 0 && (
          <nav class="recent" aria-label={t("start.recent")}>
            <h2 class="label">{t("start.recent")}</h2>
            <ul>
              {recent.value.map((room) => (
                <li key={room}>
                  <a
                    class="recent-room"
                    href={`/${encodeURIComponent(room)}`}
                    onClick={(event) => {
                      event.preventDefault();
                      openRoom(room);
                    }}
                  >
                    {room}
                  </a>
                  <button
                    type="button"
                    class="recent-forget"
                    aria-label={t("start.forget", { room })}
                    title={t("start.forget", { room })}
                    onClick={() => {
                      forgetRoom(room);
                      recent.value = remembered().recentRooms;
                    }}
                  >
                    <Icon name="close" />
                  </button>
                </li>
              ))}
            </ul>
          </nav>
        )}
      </section>
    </Frame>
  );
}
