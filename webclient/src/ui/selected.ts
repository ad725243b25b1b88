/**
 * Parts of the meeting's state. The state is a new object after every event, several times a
 * second while people talk; whoever reads only a part is drawn anew only when that part changes.
 */
import { computed } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { Conference } from "../conference/state";
import { conference } from "./app";

/** `inputs`: what `select` uses besides the state. Parts that are objects keep their identity. */
export function useSelected<T>(
  select: (state: Conference) => T,
  inputs: readonly unknown[] = [],
): T {
  return useMemo(() => computed(() => select(conference.value)), inputs).value;
}

/** Some parts of the state by name. */
export function useParts<K extends keyof Conference>(...names: readonly K[]): Pick<Conference, K> {
  return useMemo(() => {
    let kept: Pick<Conference, K> | undefined;
    return computed(() => {
      const state = conference.value;
      const last = kept;
      if (!last || names.some((name) => last[name] !== state[name])) kept = state;
      return kept!;
    });
  }, []).value;
}

/** Gives back the last value as long as a new one says the same: plain data only. */
export function keeper<T>(): (value: T) => T {
  let text: string | undefined;
  let kept: T;
  return (value) => {
    const next = JSON.stringify(value);
    if (next !== text) {
      text = next;
      kept = value;
    }
    return kept;
  };
}

/** The same for many values, each under its own name. */
export function keepers<T>(): (name: string, value: T) => T {
  const known = new Map<string, (value: T) => T>();
  return (name, value) => {
    const keep = known.get(name) ?? keeper<T>();
    known.set(name, keep);
    return keep(value);
  };
}
