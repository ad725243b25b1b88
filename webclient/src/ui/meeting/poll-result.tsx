/** How a poll stands, or ended, as bars. */
import type { JSX } from "preact";
import type { Poll } from "../../protocol/polls";
import { t } from "../language";
import { displayNameOf } from "./names";

export function Result({ poll }: { poll: Poll }): JSX.Element {
  if (poll.isSecretUntilEnd && !poll.isClosed) {
    return <p data-testid="poll-waiting">{t("polls.wait", { count: poll.voted })}</p>;
  }
  const most = Math.max(...poll.choices.map((choice) => choice.votes), 1);
  return (
    <>
      <ul class="result" data-testid="poll-result">
        {poll.choices.map((choice, index) => {
          const percent = poll.voted === 0 ? 0 : Math.round((100 * choice.votes) / poll.voted);
          const names = choice.voters.map((voter) => displayNameOf(voter.name)).join(", ");
          return (
            <li key={`${index}`} data-own={poll.ownAnswers?.[index] === true}>
              <span class="result-name">
                {choice.name}
                {poll.ownAnswers?.[index] === true && (
                  <span class="label"> {t("polls.yourAnswer")}</span>
                )}
              </span>
              <span class="result-number">
                {choice.votes} · {percent} %
              </span>
              <span class="result-bar" aria-hidden="true">
                <span style={{ width: `${(100 * choice.votes) / most}%` }} />
              </span>
              {names !== "" && <span class="label result-names">{names}</span>}
            </li>
          );
        })}
      </ul>
      <p class="label">{t("polls.voted", { count: poll.voted })}</p>
    </>
  );
}
