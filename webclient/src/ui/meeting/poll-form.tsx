/** Asking everybody a question. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { meeting } from "../app";
import { Icon } from "../icons";
import { t } from "../language";
import { Switch } from "./switch";

const MAX_CHOICES = 10;
/** A poll travels as one small message. */
const MAX_QUESTION = 200;
const MAX_CHOICE = 60;

export function PollForm({ onDone }: { onDone: () => void }): JSX.Element {
  const question = useSignal("");
  const choices = useSignal<readonly string[]>(["", ""]);
  const isMultiple = useSignal(false);
  const isAnonymous = useSignal(false);
  const isSecretUntilEnd = useSignal(false);
  const first = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => first.current?.focus(), []);
  const given = choices.value.map((each) => each.trim()).filter((each) => each !== "");
  const isReady = question.value.trim() !== "" && new Set(given).size >= 2;

  return (
    <form
      class="poll-form"
      data-testid="poll-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (!isReady) return;
        meeting.value?.polls.open({
          question: question.value.trim(),
          choices: [...new Set(given)],
          isMultiple: isMultiple.value,
          isAnonymous: isAnonymous.value,
          isSecretUntilEnd: isSecretUntilEnd.value,
        });
        onDone();
      }}
    >
      <label class="label" for="poll-question">
        {t("polls.question")}
      </label>
      <input
        ref={first}
        id="poll-question"
        class="field"
        data-testid="poll-question"
        maxLength={MAX_QUESTION}
        value={question.value}
        onInput={(event) => {
          question.value = event.currentTarget.value;
        }}
      />
      {choices.value.map((choice, index) => (
        <div class="choice-row" key={`${index}`}>
          <input
            class="field"
            data-testid="poll-option"
            maxLength={MAX_CHOICE}
            aria-label={t("polls.choice", { number: index + 1 })}
            placeholder={t("polls.choice", { number: index + 1 })}
            value={choice}
            onInput={(event) => {
              const { value } = event.currentTarget;
              choices.value = choices.value.map((each, at) => (at === index ? value : each));
            }}
          />
          {choices.value.length > 2 && (
            <button
              type="button"
              class="button quiet square"
              aria-label={t("polls.removeChoice", { number: index + 1 })}
              title={t("polls.removeChoice", { number: index + 1 })}
              onClick={() => {
                choices.value = choices.value.filter((_, at) => at !== index);
              }}
            >
              <Icon name="close" />
            </button>
          )}
        </div>
      ))}
      {choices.value.length < MAX_CHOICES && (
        <button
          type="button"
          class="button quiet"
          data-testid="poll-add-option"
          onClick={() => {
            choices.value = [...choices.value, ""];
          }}
        >
          <Icon name="plus" />
          {t("polls.addChoice")}
        </button>
      )}
      <Switch
        label={t("polls.allowMultiple")}
        testId="poll-multiple"
        isOn={isMultiple.value}
        onSwitch={(on) => {
          isMultiple.value = on;
        }}
      />
      <Switch
        label={t("polls.makeAnonymous")}
        testId="poll-anonymous"
        isOn={isAnonymous.value}
        onSwitch={(on) => {
          isAnonymous.value = on;
        }}
      />
      <Switch
        label={t("polls.makeSecret")}
        testId="poll-secret"
        isOn={isSecretUntilEnd.value}
        onSwitch={(on) => {
          isSecretUntilEnd.value = on;
        }}
      />
      <div class="form-buttons">
        <button type="button" class="button" onClick={onDone}>
          {t("cancel")}
        </button>
        <button type="submit" class="button primary" data-testid="poll-ask" disabled={!isReady}>
          {t("polls.ask")}
        </button>
      </div>
    </form>
  );
}
