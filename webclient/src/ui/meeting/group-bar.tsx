/** In a group: where one is, how long it lasts, and the way back. */
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { meeting } from "../app";
import { Icon } from "../icons";
import { t } from "../language";
import { useParts } from "../selected";
import { useCountdown } from "./countdown";

const LAST_MINUTE_MS = 60_000;

export function GroupBar(): JSX.Element | null {
  const { here, hereName, plan } = useParts("breakouts").breakouts;
  const left = useCountdown(plan.endsAt);
  useEffect(() => {
    if (here === "" || plan.endsAt === null) return;
    const wait = plan.endsAt - LAST_MINUTE_MS - Date.now();
    if (wait <= 0) return;
    const timer = window.setTimeout(() => meeting.value?.notice("breakouts-end-soon"), wait);
    return () => window.clearTimeout(timer);
  }, [here, plan.endsAt]);
  if (here === "") return null;
  const name = plan.rooms.find((room) => room.jid === here)?.name ?? hereName;
  return (
    <section class="group-bar" data-testid="group-bar" aria-label={t("groups.here", { name })}>
      <Icon name="groups" />
      <span class="group-bar-name">{name}</span>
      {left !== "" && <time class="group-bar-time">{left}</time>}
      <button
        type="button"
        class="button"
        data-testid="group-back"
        aria-label={t("groups.back")}
        title={t("groups.back")}
        onClick={() => {
          const here = meeting.value;
          here?.moveTo(here.room);
        }}
      >
        {t("groups.backShort")}
      </button>
    </section>
  );
}

/** On the way between two rooms: calm, and in words. */
export function Moving(): JSX.Element | null {
  const { phase, breakouts } = useParts("phase", "breakouts");
  if (phase !== "moving") return null;
  return (
    <div class="reconnecting" role="status" data-testid="moving">
      <div class="reconnecting-box">
        <h2>
          {breakouts.here === ""
            ? t("moving.back")
            : t("moving.title", { name: breakouts.hereName })}
        </h2>
        <p>{t(breakouts.here === "" ? "moving.backDetail" : "moving.detail")}</p>
        <div class="progress" aria-hidden="true">
          <span />
        </div>
      </div>
    </div>
  );
}
