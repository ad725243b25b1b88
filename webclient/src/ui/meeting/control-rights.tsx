/** For whom each feature of the meeting is. */
import type { JSX } from "preact";
import type { Feature, Level } from "../../conference/state/rules";
import { LEVELS } from "../../protocol/room-metadata";
import { conference, meeting } from "../app";
import { t } from "../language";

/** Microphone and camera have their switches above. */
const SHOWN: readonly Exclude<Feature, "microphone" | "camera">[] = [
  "chat",
  "privateChat",
  "screen",
  "files",
  "polls",
  "rename",
];

export function WhoMay(): JSX.Element {
  const { permissions } = conference.value.rules.metadata;
  return (
    <>
      {SHOWN.map((feature) => (
        <div class="who-may" key={feature}>
          <label for={`may-${feature}`}>{t(`may.${feature}`)}</label>
          <select
            id={`may-${feature}`}
            class="field"
            data-testid={`may-${feature}`}
            value={permissions[feature]}
            onChange={(event) => {
              const wanted = event.currentTarget.value as Level;
              // It shows what is, not what was wished: the room may say no.
              event.currentTarget.value = permissions[feature];
              meeting.value?.moderation.permit(feature, wanted);
            }}
          >
            {LEVELS.map((level) => (
              <option key={level} value={level}>
                {t(`level.${level}`)}
              </option>
            ))}
          </select>
        </div>
      ))}
    </>
  );
}
