/** Polls: ask, vote, see the result as bars. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { Poll } from "../../protocol/polls";
import { conference, meeting } from "../app";
import { Icon } from "../icons";
import { t } from "../language";
import { EarlierPolls } from "./earlier-polls";
import { iMay } from "./intents";
import { displayNameOf, nameOf } from "./names";
import { PanelFrame } from "./panel";
import { PollForm } from "./poll-form";
import { Result } from "./poll-result";

export function PollsPanel(): JSX.Element {
  const isAsking = useSignal(false);
  const { polls } = conference.value;
  const mayAsk = iMay("polls");
  return (
    <PanelFrame title={t("polls.title")}>
      <div class="panel-scroll polls">
        {isAsking.value && (
          <PollForm
            onDone={() => {
              isAsking.value = false;
            }}
          />
        )}
        {polls.length === 0 && !isAsking.value && (
          <p class="panel-empty label">{t(mayAsk ? "polls.empty" : "polls.emptyGuest")}</p>
        )}
        {polls.toReversed().map((poll) => (
          <PollCard key={poll.id} poll={poll} />
        ))}
        <EarlierPolls />
      </div>
      {mayAsk && !isAsking.value && (
        <footer class="panel-foot">
          <button
            type="button"
            class="button primary"
            data-testid="poll-new"
            onClick={() => {
              isAsking.value = true;
            }}
          >
            <Icon name="plus" />
            {t("polls.new")}
          </button>
        </footer>
      )}
    </PanelFrame>
  );
}

function PollCard({ poll }: { poll: Poll }): JSX.Element {
  const isChanging = useSignal(false);
  const { ownId, isModerator, participants } = conference.value;
  const isOwn = poll.from === ownId;
  const asker =
    participants.some((each) => each.id === poll.from) || isOwn
      ? nameOf(poll.from)
      : displayNameOf(poll.fromName);
  const isVoting = !poll.isClosed && (poll.ownAnswers === null || isChanging.value);
  const kind = [
    t(poll.isMultiple ? "polls.multiple" : "polls.single"),
    ...(poll.isAnonymous ? [t("polls.anonymous")] : []),
    ...(poll.isSecretUntilEnd && !poll.isClosed ? [t("polls.atEnd")] : []),
    ...(poll.isClosed ? [t("polls.closed")] : []),
  ].join(" · ");
  return (
    <section class="poll" data-testid="poll" data-closed={poll.isClosed}>
      <p class="label">{t("polls.asks", { name: asker })}</p>
      <h3>{poll.question}</h3>
      <p class="label">{kind}</p>
      {isVoting ? (
        <Ballot
          poll={poll}
          onVoted={() => {
            isChanging.value = false;
          }}
        />
      ) : (
        <Result poll={poll} />
      )}
      <div class="poll-actions">
        {!isVoting && !poll.isClosed && (
          <button
            type="button"
            class="button quiet"
            onClick={() => {
              isChanging.value = true;
            }}
          >
            {t("polls.change")}
          </button>
        )}
        {!poll.isClosed && (isOwn || isModerator) && (
          <button
            type="button"
            class="button"
            data-testid="poll-close"
            onClick={() => meeting.value?.polls.close(poll.id)}
          >
            {t("polls.close")}
          </button>
        )}
      </div>
    </section>
  );
}

function Ballot({ poll, onVoted }: { poll: Poll; onVoted: () => void }): JSX.Element {
  const chosen = useSignal<readonly boolean[]>(poll.ownAnswers ?? poll.choices.map(() => false));
  const choose = (index: number, on: boolean): void => {
    chosen.value = poll.choices.map((_, each) =>
      each === index ? on : poll.isMultiple && chosen.value[each] === true,
    );
  };
  return (
    <form
      class="ballot"
      onSubmit={(event) => {
        event.preventDefault();
        meeting.value?.polls.vote(poll.id, [...chosen.value]);
        onVoted();
      }}
    >
      <fieldset>
        <legend class="visually-hidden">{poll.question}</legend>
        {poll.choices.map((choice, index) => (
          <label key={`${index}`} class="choice">
            <input
              type={poll.isMultiple ? "checkbox" : "radio"}
              name={poll.id}
              data-testid="poll-choice"
              checked={chosen.value[index] === true}
              onChange={(event) => choose(index, event.currentTarget.checked)}
            />
            <span>{choice.name}</span>
          </label>
        ))}
      </fieldset>
      <button
        type="submit"
        class="button primary"
        data-testid="poll-vote"
        disabled={!chosen.value.includes(true)}
      >
        {t("polls.vote")}
      </button>
    </form>
  );
}
