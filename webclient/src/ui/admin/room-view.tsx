/** One meeting: who is in it, how well, and what can be done. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Icon } from "../icons";
import { formatDuration, t } from "../language";
import { ask, type RoomDetail, roomName, roomPath } from "./api";
import { Confirm } from "./confirm";
import { PersonCard } from "./person-card";
import { act, addressOf, room } from "./state";

export function RoomView({ name }: { name: string }): JSX.Element {
  const shown = room.value;
  return (
    <div class="admin-sections">
      <div class="admin-room-head">
        <a class="button quiet" href={addressOf({ kind: "now" })}>
          <Icon name="chevron-left" />
          {t("admin.back")}
        </a>
        <h1 data-testid="room-title">{roomName(name)}</h1>
      </div>
      {shown === "gone" && <p class="muted">{t("admin.gone")}</p>}
      {shown !== null && shown !== "gone" && <Open detail={shown} />}
    </div>
  );
}

function Open({ detail }: { detail: RoomDetail }): JSX.Element {
  const isEnding = useSignal(false);
  const now = Date.now();
  return (
    <>
      <div class="admin-room-facts">
        <p class="muted">
          {[
            t("admin.people-count", { count: detail.people }),
            detail.begun_ms === null
              ? t("admin.waiting")
              : t("admin.lasts", { duration: formatDuration(now - detail.begun_ms) }),
            ...(detail.bridge ? [t("admin.on-bridge", { name: detail.bridge })] : []),
            ...(detail.has_password ? [t("admin.has-password")] : []),
            ...(detail.has_lobby ? [t("admin.has-lobby")] : []),
          ].join(" · ")}
        </p>
        <button
          type="button"
          class="button danger"
          data-testid="end-meeting"
          onClick={() => {
            isEnding.value = true;
          }}
        >
          {t("admin.end")}
        </button>
      </div>
      <Tell room={detail.room} />
      <ul class="admin-people" data-testid="everybody">
        {detail.everybody.map((each) => (
          <PersonCard key={each.id} room={detail.room} person={each} now={now} />
        ))}
      </ul>
      {detail.everybody.some((each) => each.is_direct) && (
        <p class="muted">{t("admin.direct-words")}</p>
      )}
      {isEnding.value && (
        <Confirm
          title={t("admin.end-title", { room: roomName(detail.room) })}
          detail={t("admin.end-detail", { count: detail.people })}
          button={t("admin.end")}
          onClose={() => {
            isEnding.value = false;
          }}
          onYes={() =>
            void act(ask("DELETE", roomPath(detail.room)), {
              done: t("admin.ended", { room: roomName(detail.room) }),
              failed: t("admin.failed"),
            })
          }
        />
      )}
    </>
  );
}

function Tell({ room: to }: { room: string }): JSX.Element {
  const text = useSignal("");
  return (
    <form
      class="admin-tell"
      onSubmit={(event) => {
        event.preventDefault();
        const said = text.value.trim();
        if (said === "") return;
        text.value = "";
        void act(ask("POST", roomPath(to, "message"), { text: said }), {
          done: t("admin.told"),
          failed: t("admin.failed"),
        });
      }}
    >
      <label class="visually-hidden" for="admin-message">
        {t("admin.message")}
      </label>
      <input
        id="admin-message"
        class="field"
        data-testid="admin-message"
        maxLength={1000}
        placeholder={t("admin.message")}
        value={text.value}
        onInput={(event) => {
          text.value = event.currentTarget.value;
        }}
      />
      <button type="submit" class="button" data-testid="admin-tell">
        {t("admin.tell")}
      </button>
    </form>
  );
}
