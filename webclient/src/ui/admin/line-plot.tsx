/** A figure with its last hours as a line. */
import type { JSX } from "preact";
import { formatTime, t } from "../language";
import { hoursShown, path, topOf } from "./plot";

const BOX = { width: 300, height: 72 };

export function LinePlot(props: {
  title: string;
  value: number;
  samples: readonly (readonly [number, number])[];
  now: number;
  /** The axis never ends below that. */
  least: number;
  show: (value: number) => string;
  testId: string;
}): JSX.Element {
  const { now, show } = props;
  const samples = [...props.samples, [now, props.value] as const];
  const hours = hoursShown(samples, now);
  const from = now - hours * 3_600_000;
  const highest = Math.max(0, ...samples.filter(([at]) => at >= from).map(([, value]) => value));
  const top = topOf(highest, props.least);
  const words = t("admin.plot", { title: props.title, count: hours, highest: show(highest) });
  return (
    <section class="admin-figure" aria-label={props.title}>
      <h2>{props.title}</h2>
      <p class="admin-value" data-testid={props.testId}>
        {show(props.value)}
      </p>
      <svg
        viewBox={`0 0 ${BOX.width} ${BOX.height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={words}
      >
        <path class="plot-axis" d={`M0 ${BOX.height - 0.5}H${BOX.width}M0 0.5H${BOX.width}`} />
        <path class="plot-line" d={path(samples, from, now, top, BOX)} />
      </svg>
      <p class="plot-ends" aria-hidden="true">
        <span>{formatTime(from)}</span>
        <span>{t("admin.axis-top", { top: show(top) })}</span>
        <span>{formatTime(now)}</span>
      </p>
    </section>
  );
}
