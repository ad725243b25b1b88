/** Who has spoken for how long, as small bars, and how long the meeting lasts. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { timesAt } from "../../conference/state/speaker-times";
import { conference } from "../app";
import { formatDuration, t } from "../language";
import { Modal } from "./modal";
import { displayNameOf, nameOf } from "./names";

export function SpeakingTimes(): JSX.Element {
  const now = useSignal(Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => {
      now.value = Date.now();
    }, 1000);
    return () => window.clearInterval(timer);
  }, []);
  const { speakerTimes, participants, ownId, rules, joinedAt } = conference.value;
  const times = timesAt(speakerTimes, now.value);
  const here = [ownId, ...participants.map((each) => each.id)];
  const rows = [...new Set([...here, ...Object.keys(times)])]
    .map((id) => ({
      id,
      isHere: here.includes(id),
      name: here.includes(id) ? nameOf(id) : displayNameOf(speakerTimes.names[id] ?? ""),
      ms: times[id] ?? 0,
    }))
    .sort((a, b) => b.ms - a.ms);
  const most = Math.max(...rows.map((row) => row.ms), 1);
  const began = rules.room.createdAt ?? joinedAt;
  return (
    <Modal title={t("times.title")}>
      {began !== null && (
        <p class="times-total" data-testid="meeting-duration">
          {t("times.meeting", { time: formatDuration(now.value - began) })}
        </p>
      )}
      <ul class="result" data-testid="times">
        {rows.map((row) => (
          <li key={row.id} data-own={row.id === ownId}>
            <span class="result-name">
              {row.id === ownId ? t("tile.you", { name: row.name }) : row.name}
              {!row.isHere && <span class="label"> {t("times.gone")}</span>}
            </span>
            <span class="result-number">{formatDuration(row.ms)}</span>
            <span class="result-bar" aria-hidden="true">
              <span style={{ width: `${(100 * row.ms) / most}%` }} />
            </span>
          </li>
        ))}
      </ul>
    </Modal>
  );
}
