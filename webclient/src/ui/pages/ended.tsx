/** After the meeting: what happened, and what to do next. */
import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Conference } from "../../conference/state";
import { conference, meeting, openStart, rejoin } from "../app";
import { Icon } from "../icons";
import { type Key, t } from "../language";
import { SaveAttendance } from "../meeting/attendance";
import { Frame } from "./frame";

interface Ending {
  readonly title: string;
  readonly detail: string;
  /** What the big button says; null: there is nothing to try. */
  readonly action: string | null;
}

function endingOf(state: Conference): Ending {
  if (state.phase === "removed") {
    return {
      title: t("removed.title"),
      detail: [
        state.removedBy === "" ? t("removed.detail") : t("removed.by", { name: state.removedBy }),
        ...(state.isBanned ? [t("removed.forGood")] : []),
      ].join(" "),
      action: state.isBanned ? null : t("left.rejoin"),
    };
  }
  if (state.phase === "error") {
    const problem = state.problem ?? "conference-failed";
    return {
      title: t(`error.${problem}.title` as Key),
      detail: t(`error.${problem}.detail` as Key),
      action: problem === "ended-by-moderator" ? t("left.rejoin") : t("error.retry"),
    };
  }
  return { title: t("left.title"), detail: t("left.detail"), action: t("left.rejoin") };
}

const SAYS_MORE: readonly Conference["problem"][] = ["refused", "conference-failed"];

/** For the rest there are words of ours, which are in the person's language. */
function isInServersWords({ phase, problem, reason }: Conference): boolean {
  return phase === "error" && reason !== "" && SAYS_MORE.includes(problem);
}

export function EndedPage({ room }: { room: string }): JSX.Element {
  const state = conference.value;
  const ending = endingOf(state);
  const first = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => first.current?.focus(), []);
  return (
    <Frame>
      <section class="ended" role={state.phase === "left" ? "status" : "alert"}>
        <span class={`ended-sign ${state.phase}`}>
          <Icon
            name={
              state.phase === "left" ? "check" : state.phase === "removed" ? "user-minus" : "alert"
            }
          />
        </span>
        <h1>{ending.title}</h1>
        <p class="lead">{ending.detail}</p>
        {state.phase === "removed" && state.reason !== "" && (
          <p class="ended-reason" data-testid="removed-reason">
            {t("removed.reason", { reason: state.reason })}
          </p>
        )}
        {isInServersWords(state) && <p class="label">{state.reason}</p>}
        <p class="label">{room}</p>
        <div class="ended-actions">
          {ending.action !== null && (
            <button
              ref={first}
              type="button"
              class="button primary"
              data-testid="rejoin"
              onClick={() => rejoin()}
            >
              {ending.action}
            </button>
          )}
          {meeting.value?.attendance.isReady && <SaveAttendance />}
          <button
            ref={ending.action === null ? first : null}
            type="button"
            class="button"
            data-testid="to-start"
            onClick={() => openStart()}
          >
            {t("left.start")}
          </button>
        </div>
      </section>
    </Frame>
  );
}
