/** Who is inside already: so many, and their names where the site shows them. */
import { computed, signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { askInside, type Inside } from "../../protocol/inside";
import { Avatar } from "../avatar";
import { t } from "../language";
import { displayNameOf } from "../meeting/names";

const ASK_EVERY_MS = 15_000;
/** Devices are not kept waiting longer for what the room says about them. */
const ANSWER_WITHIN_MS = 800;

const inside = signal<Inside | null>(null);

/** Whether the room asks for a camera of whoever comes, as far as it is known. */
export const isCameraRequired = computed(() => inside.value?.isCameraRequired === true);

/** The first answer, or null when there is none in time. */
export async function firstInside(room: string): Promise<Inside | null> {
  inside.value = await askInside(room, AbortSignal.timeout(ANSWER_WITHIN_MS));
  return inside.value;
}

export function WhoIsInside({ room }: { room: string }): JSX.Element | null {
  useEffect(() => {
    const stop = new AbortController();
    const timer = window.setInterval(() => {
      if (document.visibilityState !== "visible") return;
      void askInside(room, stop.signal).then((answer) => {
        if (answer) inside.value = answer;
      });
    }, ASK_EVERY_MS);
    return () => {
      window.clearInterval(timer);
      stop.abort();
    };
  }, [room]);
  if (inside.value === null || inside.value.people === null) return null;
  const { people, names } = inside.value;
  const more = people - names.length;
  return (
    <div class="inside" role="status" data-testid="inside">
      {names.length > 0 && (
        <span class="inside-faces" aria-hidden="true">
          {names.map((name, index) => (
            <Avatar key={`${index}-${name}`} id={name} name={name} />
          ))}
        </span>
      )}
      <span>
        {people === 0
          ? t("check.insideNobody")
          : names.length === 0
            ? t("check.inside", { count: people })
            : names.map(displayNameOf).join(", ") +
              (more > 0 ? ` ${t("check.insideMore", { count: more })}` : "")}
      </span>
    </div>
  );
}
