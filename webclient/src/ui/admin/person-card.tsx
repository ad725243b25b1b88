/** One person in a meeting: who, since when, from where, how well. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { formatDuration, type Key, t } from "../language";
import { ask, type Connection, type PersonLine, roomPath } from "./api";
import { Confirm } from "./confirm";
import { milliseconds, percent, rate } from "./figures";
import { reasons, verdict } from "./quality";
import { act } from "./state";

export function PersonCard(props: { room: string; person: PersonLine; now: number }): JSX.Element {
  const { person } = props;
  const isAsking = useSignal(false);
  const name = person.name || person.id;
  const facts = [
    t(`admin.role.${person.role}`),
    ...(person.account ? [person.account] : []),
    ...(person.group ? [t("admin.in-group", { group: person.group })] : []),
    ...(person.since_ms === null
      ? []
      : [t("admin.here-for", { duration: formatDuration(props.now - person.since_ms) })]),
    ...(person.is_away ? [t("admin.away")] : []),
  ];
  return (
    <li class="admin-person">
      <div class="admin-person-head">
        <div>
          <strong>{name}</strong>
          <p class="muted">{facts.join(" · ")}</p>
        </div>
        <Quality connection={person.connection} />
      </div>
      <dl class="admin-facts">
        {figuresOf(person).map(([key, value]) => (
          <div key={key}>
            <dt>{t(key)}</dt>
            <dd class="figures">{value}</dd>
          </div>
        ))}
      </dl>
      {reasons(person.connection).map((reason) => (
        <p key={reason} class="muted">
          {t(`admin.reason.${reason}` as Key)}
        </p>
      ))}
      <button
        type="button"
        class="button quiet"
        data-testid="remove-person"
        onClick={() => {
          isAsking.value = true;
        }}
      >
        {t("admin.remove")}
        <span class="visually-hidden">: {name}</span>
      </button>
      {isAsking.value && (
        <Confirm
          title={t("admin.remove-title", { name })}
          detail={t("admin.remove-detail")}
          button={t("admin.remove")}
          onClose={() => {
            isAsking.value = false;
          }}
          onYes={() =>
            void act(ask("DELETE", roomPath(props.room, "people", person.id)), {
              done: t("admin.removed", { name }),
              failed: t("admin.failed"),
            })
          }
        />
      )}
    </li>
  );
}

function Quality({ connection }: { connection: Connection | null }): JSX.Element {
  const found = verdict(connection);
  return (
    <span class={`admin-quality ${found}`} data-testid="quality">
      {t(`admin.quality.${found}`)}
    </span>
  );
}

/** What is known of a person's connection; nothing is shown of what is not. */
function figuresOf({ address, connection, is_direct }: PersonLine): [Key, string][] {
  const found: [Key, string | null | undefined][] = [
    ["admin.address", address],
    ["admin.transport", is_direct ? t("admin.direct") : transport(connection)],
    ["admin.media-address", connection?.address],
    ["admin.rtt", connection?.rtt_ms ? milliseconds(connection.rtt_ms) : null],
    ["admin.up", both(connection?.up_bps, connection?.loss_up)],
    ["admin.down", both(connection?.down_bps, connection?.loss_down)],
  ];
  return found.flatMap(([key, value]) => (value ? [[key, value] as [Key, string]] : []));
}

function transport(connection: Connection | null): string {
  const way = connection?.transport ?? "";
  return way === "relay" ? t("admin.relay") : way.toUpperCase();
}

function both(bps: number | null | undefined, loss: number | undefined): string | null {
  if (bps === null || bps === undefined) return null;
  return loss ? t("admin.rate-and-loss", { rate: rate(bps), loss: percent(loss) }) : rate(bps);
}
