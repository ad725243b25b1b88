/** End-to-end encryption: the switch, what it does and does not do, everybody's state, the code. */
import type { JSX } from "preact";
import type { Comparison } from "../../../conference/e2ee/state";
import type { Participant } from "../../../conference/state";
import { conference, meeting } from "../../app";
import { Icon } from "../../icons";
import { language, t } from "../../language";
import { Modal } from "../modal";
import { PICTURES } from "./pictures";
import { nameOf } from "./words";

export function EncryptionDialog(): JSX.Element {
  const { encryption, participants } = conference.value;
  const { own, comparison } = encryption;
  const isOn = own === "on" || own === "starting";
  const partner = participants.find((each) => each.id === comparison?.with);
  return (
    <Modal title={t("encryption.title")}>
      {comparison && partner ? (
        <Compare comparison={comparison} name={nameOf(partner.displayName)} />
      ) : (
        <div class="stack" data-testid="encryption-dialog" data-own={own}>
          <p>{t("encryption.detail")}</p>
          <p class="label">{t("encryption.limits")}</p>
          <p role="status" class="encryption-state">
            <Icon name={own === "on" ? "encrypted" : "partly-encrypted"} />
            {t(`encryption.own.${own}`)}
          </p>
          <button
            type="button"
            class={isOn ? "button" : "button primary"}
            data-testid="encryption-switch"
            disabled={own === "unsupported"}
            onClick={() => meeting.value?.encryption.setOn(!isOn)}
          >
            {t(isOn ? "encryption.turnOff" : "encryption.turnOn")}
          </button>
          {isOn && participants.length > 0 && (
            <ul class="encryption-people">
              {participants.map((person) => (
                <Person key={person.id} person={person} />
              ))}
            </ul>
          )}
        </div>
      )}
    </Modal>
  );
}

function Person({ person }: { person: Participant }): JSX.Element {
  const { peers, trust } = conference.value.encryption;
  const state = peers[person.id] ?? "unsupported";
  const trusted = trust[person.id];
  const word = trusted && state === "encrypted" ? trusted : state;
  const name = nameOf(person.displayName);
  return (
    <li data-testid="encryption-person" data-endpoint={person.id} data-state={word}>
      <Icon name={state === "encrypted" ? "encrypted" : "partly-encrypted"} />
      <span class="encryption-name">
        {name} <span class="label">{t(`encryption.peer.${word}`)}</span>
      </span>
      {state === "encrypted" && !trusted && (
        <button
          type="button"
          class="button"
          data-testid="encryption-compare"
          aria-label={t("encryption.compareWith", { name })}
          onClick={() => meeting.value?.encryption.compare(person.id)}
        >
          {t("encryption.compare")}
        </button>
      )}
    </li>
  );
}

function Compare({ comparison, name }: { comparison: Comparison; name: string }): JSX.Element {
  const { step, pictures, numbers } = comparison;
  const door = meeting.value?.encryption;
  return (
    <div class="stack" data-testid="comparison" data-step={step}>
      <p role="status">{t(`comparison.${step}`, { name })}</p>
      {(step === "compare" || step === "confirmed") && (
        <>
          <ol class="comparison-pictures">
            {pictures.map((position, place) => (
              <li key={place}>
                <span aria-hidden="true">{PICTURES[position]?.glyph}</span>
                <span>{PICTURES[position]?.names[language.value]}</span>
              </li>
            ))}
          </ol>
          <p class="comparison-numbers" data-testid="comparison-numbers">
            {numbers.join(" ")}
          </p>
        </>
      )}
      {step === "compare" && (
        <div class="dialog-actions">
          <button
            type="button"
            class="button"
            data-testid="comparison-different"
            onClick={() => door?.confirm(comparison.with, false)}
          >
            {t("comparison.different")}
          </button>
          <button
            type="button"
            class="button primary"
            data-testid="comparison-same"
            onClick={() => door?.confirm(comparison.with, true)}
          >
            {t("comparison.same")}
          </button>
        </div>
      )}
      {step !== "compare" && (
        <button
          type="button"
          class="button"
          data-testid="comparison-close"
          onClick={() => door?.endComparison()}
        >
          {t("comparison.close")}
        </button>
      )}
    </div>
  );
}
