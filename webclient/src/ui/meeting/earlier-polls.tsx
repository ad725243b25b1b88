/** The results of polls of meetings before this one, for those who lead a room that is kept. */
import type { JSX } from "preact";
import { conference } from "../app";
import { formatDate, t } from "../language";
import { Result } from "./poll-result";

export function EarlierPolls(): JSX.Element | null {
  const { earlierPolls } = conference.value;
  if (earlierPolls.length === 0) return null;
  return (
    <details class="effects" data-testid="polls-earlier">
      <summary>{t("polls.earlier", { count: earlierPolls.length })}</summary>
      <div class="earlier-polls">
        {earlierPolls.map(({ poll, endedAt }) => (
          <section key={`${poll.id} ${endedAt}`} class="poll" data-testid="poll-earlier">
            <p class="label">{formatDate(endedAt)}</p>
            <h3>{poll.question}</h3>
            <Result poll={poll} />
          </section>
        ))}
      </div>
    </details>
  );
}
