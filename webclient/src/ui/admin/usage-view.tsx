/** One month in figures, with its days as bars, and as a file. */
import type { JSX } from "preact";
import { Icon } from "../icons";
import { type Key, t } from "../language";
import type { Usage } from "./api";
import { dayName, hours, lasted, monthName, number } from "./figures";
import { bars, topOf } from "./plot";
import { addressOf, usage } from "./state";

const BOX = { width: 620, height: 140 };
const SIZES = ["2", "3–5", "6–10", "11–30", "> 30"];

export function UsageView(): JSX.Element {
  const shown = usage.value;
  return (
    <div class="admin-sections">
      {shown ? <Month shown={shown} /> : <h1>{t("admin.usage")}</h1>}
    </div>
  );
}

function Month({ shown }: { shown: Usage }): JSX.Element {
  const months = [...new Set([...shown.months, shown.month])].sort().reverse();
  const csv = `/admin/api/usage.csv?month=${shown.month}`;
  return (
    <>
      <div class="admin-room-facts">
        <h1 data-testid="month">{monthName(shown.month)}</h1>
        <div class="admin-month-ways">
          <label class="visually-hidden" for="admin-month">
            {t("admin.month")}
          </label>
          <select
            id="admin-month"
            class="field"
            value={shown.month}
            onChange={(event) => {
              window.location.hash = addressOf({
                kind: "usage",
                month: event.currentTarget.value,
              });
            }}
          >
            {months.map((each) => (
              <option key={each} value={each}>
                {monthName(each)}
              </option>
            ))}
          </select>
          <a class="button" href={csv} download data-testid="download-csv">
            <Icon name="download" />
            {t("admin.download")}
          </a>
        </div>
      </div>
      <dl class="admin-totals">
        {totals(shown).map(([key, value]) => (
          <div key={key}>
            <dt>{t(key)}</dt>
            <dd class="figures">{value}</dd>
          </div>
        ))}
      </dl>
      <Days shown={shown} />
      <Sizes shown={shown} />
      <p class="muted">{t("admin.no-names")}</p>
    </>
  );
}

function totals(shown: Usage): [Key, string][] {
  return [
    ["admin.meetings", number(shown.meetings)],
    ["admin.total.rooms", number(shown.rooms)],
    ["admin.total.participants", number(shown.participants)],
    ["admin.total.hours", hours(shown.person_minutes)],
    ["admin.total.peak", number(shown.peak_people)],
    ["admin.total.longest", lasted(shown.longest_minutes)],
  ];
}

function Days({ shown }: { shown: Usage }): JSX.Element {
  const values = shown.days.map(([, , minutes]) => minutes / 60);
  const top = topOf(Math.max(0, ...values));
  return (
    <figure class="admin-days" aria-labelledby="days-title">
      <figcaption id="days-title">
        {t("admin.by-day")} <span class="muted">{t("admin.axis-top", { top: number(top) })}</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${BOX.width} ${BOX.height}`}
        role="img"
        aria-label={t("admin.by-day")}
        preserveAspectRatio="none"
      >
        <path class="plot-axis" d={`M0 ${BOX.height - 0.5}H${BOX.width}M0 0.5H${BOX.width}`} />
        {bars(values, top, BOX).map((bar, index) => (
          <rect key={shown.days[index]![0]} class="plot-bar" {...bar}>
            <title>
              {t("admin.day-words", {
                day: dayName(shown.days[index]![0]),
                meetings: number(shown.days[index]![1]),
                hours: hours(shown.days[index]![2]),
              })}
            </title>
          </rect>
        ))}
      </svg>
      <p class="plot-ends" aria-hidden="true">
        <span>{dayName(shown.days[0]![0])}</span>
        <span>{dayName(shown.days.at(-1)![0])}</span>
      </p>
      <details>
        <summary>{t("admin.as-table")}</summary>
        <DayTable shown={shown} />
      </details>
    </figure>
  );
}

function DayTable({ shown }: { shown: Usage }): JSX.Element {
  return (
    <table class="admin-table">
      <thead>
        <tr>
          <th scope="col">{t("admin.day")}</th>
          <th scope="col">{t("admin.meetings")}</th>
          <th scope="col">{t("admin.total.hours")}</th>
        </tr>
      </thead>
      <tbody>
        {shown.days
          .filter(([, meetings, minutes]) => meetings + minutes > 0)
          .map(([day, meetings, minutes]) => (
            <tr key={day}>
              <th scope="row">{dayName(day)}</th>
              <td>{number(meetings)}</td>
              <td>{hours(minutes)}</td>
            </tr>
          ))}
      </tbody>
    </table>
  );
}

function Sizes({ shown }: { shown: Usage }): JSX.Element {
  const most = Math.max(1, ...shown.sizes);
  return (
    <section aria-labelledby="sizes-title">
      <h2 id="sizes-title">{t("admin.by-size")}</h2>
      <ul class="admin-sizes">
        {shown.sizes.map((count, index) => (
          <li key={SIZES[index]}>
            <span>{t("admin.size-people", { range: SIZES[index]! })}</span>
            <span class="admin-size-bar" aria-hidden="true">
              <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
                <rect class="plot-bar" width={(count / most) * 100} height="8" />
              </svg>
            </span>
            <span class="figures">{number(count)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
