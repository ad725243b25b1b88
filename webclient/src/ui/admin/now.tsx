/** What goes on now: figures with the last hours, meetings, bridges. */
import type { JSX } from "preact";
import { Icon } from "../icons";
import { formatDuration, t } from "../language";
import { ask, type BridgeLine, type Overview, type RoomLine, roomName } from "./api";
import { number, percent } from "./figures";
import { LinePlot } from "./line-plot";
import { act, addressOf, overview, rooms } from "./state";

export function Now(): JSX.Element {
  const now = overview.value;
  return (
    <div class="admin-sections">
      <h1 class="visually-hidden">{t("admin.now")}</h1>
      {now && <Figures now={now} />}
      <section aria-labelledby="meetings-title">
        <h2 id="meetings-title">{t("admin.rooms")}</h2>
        {rooms.value && <Rooms rooms={rooms.value} at={now?.now_ms ?? Date.now()} />}
      </section>
      {now && (
        <section aria-labelledby="bridges-title">
          <h2 id="bridges-title">{t("admin.bridges")}</h2>
          <ul class="admin-list">
            {now.bridges.map((each) => (
              <Bridge key={each.name} bridge={each} />
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

function Figures({ now }: { now: Overview }): JSX.Element {
  return (
    <div class="admin-figures">
      <LinePlot
        title={t("admin.people")}
        value={now.people}
        samples={now.recent.map(([at, people]) => [at, people])}
        now={now.now_ms}
        least={5}
        show={number}
        testId="people-now"
      />
      <LinePlot
        title={t("admin.meetings")}
        value={now.meetings}
        samples={now.recent.map(([at, , meetings]) => [at, meetings])}
        now={now.now_ms}
        least={5}
        show={number}
        testId="meetings-now"
      />
      <LinePlot
        title={t("admin.load")}
        value={now.stress}
        samples={now.recent.map(([at, , , stress]) => [at, stress])}
        now={now.now_ms}
        least={1}
        show={percent}
        testId="load-now"
      />
    </div>
  );
}

function Rooms({ rooms: shown, at }: { rooms: readonly RoomLine[]; at: number }): JSX.Element {
  if (shown.length === 0) return <p class="muted">{t("admin.no-rooms")}</p>;
  return (
    <ul class="admin-list" data-testid="rooms">
      {shown.map((each) => (
        <li key={each.room}>
          <a class="admin-line" href={addressOf({ kind: "room", room: each.room })}>
            <strong>{roomName(each.room)}</strong>
            <span class="admin-line-facts">
              <span>{t("admin.people-count", { count: each.people })}</span>
              <span class="figures">
                {each.begun_ms === null ? t("admin.waiting") : formatDuration(at - each.begun_ms)}
              </span>
            </span>
            <Icon name="chevron-right" />
          </a>
        </li>
      ))}
    </ul>
  );
}

function Bridge({ bridge }: { bridge: BridgeLine }): JSX.Element {
  const drain = (on: boolean): void =>
    void act(ask("POST", `bridges/${encodeURIComponent(bridge.name)}/drain`, { on }), {
      done: t(on ? "admin.drained" : "admin.undrained", { name: bridge.name }),
      failed: t("admin.failed"),
    });
  return (
    <li class="admin-line">
      <strong>{bridge.name}</strong>
      <span class="admin-line-facts">
        <span>{bridge.is_draining ? t("admin.bridge.draining") : stateWords(bridge.state)}</span>
        <span>{t("admin.load-share", { share: percent(bridge.stress) })}</span>
        {bridge.people !== null && <span>{t("admin.people-count", { count: bridge.people })}</span>}
      </span>
      <button type="button" class="button" onClick={() => drain(!bridge.is_draining)}>
        {t(bridge.is_draining ? "admin.undrain" : "admin.drain")}
      </button>
    </li>
  );
}

/** Bridges of others have words of their own: what is not running is not well. */
function stateWords(state: string): string {
  return t(state === "running" ? "admin.bridge.running" : "admin.bridge.trouble");
}
