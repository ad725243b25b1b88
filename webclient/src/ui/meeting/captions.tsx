/** What is said, in writing, when somebody writes it down. Screen readers find it, but are not interrupted. */
import type { JSX } from "preact";
import { t } from "../language";
import { useParts } from "../selected";
import { displayNameOf } from "./names";

export function CaptionArea(): JSX.Element {
  const { captions, participants } = useParts("captions", "participants");
  const nameOf = (id: string, name: string): string =>
    displayNameOf(participants.find((each) => each.id === id)?.displayName ?? name);
  return (
    <section class="captions" aria-label={t("captions.label")} data-testid="captions">
      {captions.map((line) => (
        <p key={`${line.id}-${line.language}`} lang={line.language || undefined}>
          <strong>{nameOf(line.speaker, line.name)}</strong> {line.text}
        </p>
      ))}
    </section>
  );
}
