/** Who is signed in, what is looked at, and what the server said of it last. */
import { batch, signal } from "@preact/signals";
import { readConfig } from "../../protocol/config";
import {
  type Account,
  type Answer,
  ask,
  type Failure,
  type Overview,
  type RoomDetail,
  type RoomLine,
  roomPath,
  type Usage,
} from "./api";

export const LOOK_EVERY_MS = 5000;

export type View =
  | { readonly kind: "now" }
  | { readonly kind: "room"; readonly room: string }
  | { readonly kind: "usage"; readonly month: string };

export const site = readConfig((globalThis as { config?: unknown }).config, window.location);

/** `undefined` until the server has said. */
export const account = signal<Account | null | undefined>(undefined);
/** Whether administrators may also come from the house's own provider. */
export const hasSignIn = signal(false);
export const view = signal<View>({ kind: "now" });
export const overview = signal<Overview | null>(null);
export const rooms = signal<readonly RoomLine[] | null>(null);
/** `null` while it is asked for, "gone" when nobody is in it any longer. */
export const room = signal<RoomDetail | null | "gone">(null);
export const usage = signal<Usage | null>(null);
export const isUnreachable = signal(false);
/** What was done last, for a screen reader and for everybody. */
export const done = signal("");

/** What the part of the address behind # means. */
export function viewOf(hash: string): View {
  const [kind, rest = ""] = hash.replace(/^#\/?/, "").split("/");
  if (kind === "rooms" && rest) return { kind: "room", room: decoded(rest) };
  if (kind === "usage") return { kind: "usage", month: /^20\d\d-\d\d$/.test(rest) ? rest : "" };
  return { kind: "now" };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function addressOf(wanted: View): string {
  if (wanted.kind === "room") return `#/rooms/${encodeURIComponent(wanted.room)}`;
  if (wanted.kind === "usage") return `#/usage/${wanted.month}`;
  return "#/";
}

export function begin(): void {
  const route = (): void => {
    batch(() => {
      view.value = viewOf(window.location.hash);
      room.value = null;
      done.value = "";
    });
    void look();
  };
  window.addEventListener("hashchange", route);
  route();
  setInterval(() => {
    if (account.value && !document.hidden && view.value.kind !== "usage") void look();
  }, LOOK_EVERY_MS);
}

/** Ask for what is shown. */
export async function look(): Promise<void> {
  if (account.value === undefined) {
    const who = await ask<Account>("GET", "session");
    account.value = who.ok ? who.value : null;
    isUnreachable.value = !who.ok && who.failure === "unreachable";
    hasSignIn.value = !who.ok && who.hasSignIn;
  }
  if (!account.value) return;
  const wanted = view.value;
  if (wanted.kind === "now") {
    take(await ask<Overview>("GET", "overview"), (value) => {
      overview.value = value;
    });
    take(await ask<{ rooms: RoomLine[] }>("GET", "rooms"), (value) => {
      rooms.value = value.rooms;
    });
  } else if (wanted.kind === "room") {
    const answer = await ask<RoomDetail>("GET", roomPath(wanted.room));
    if (view.value !== wanted) return;
    if (!answer.ok && answer.failure === "not-found") room.value = "gone";
    take(answer, (value) => {
      room.value = value;
    });
  } else {
    const answer = await ask<Usage>("GET", `usage?month=${wanted.month}`);
    if (view.value !== wanted) return;
    take(answer, (value) => {
      usage.value = value;
    });
  }
}

function take<T>(answer: Answer<T>, use: (value: T) => void): void {
  batch(() => {
    isUnreachable.value = !answer.ok && answer.failure === "unreachable";
    if (answer.ok) use(answer.value);
    else if (answer.failure === "signed-out") {
      account.value = null;
      hasSignIn.value = answer.hasSignIn;
    }
  });
}

export async function signIn(name: string, password: string): Promise<Failure | null> {
  const answer = await ask<Account>("POST", "session", { name, password });
  if (!answer.ok) return answer.failure;
  account.value = answer.value;
  await look();
  return null;
}

export async function signOut(): Promise<void> {
  await ask("DELETE", "session");
  batch(() => {
    account.value = null;
    overview.value = rooms.value = room.value = usage.value = null;
  });
}

/** Do something, look at what became of it, and say `words`, or that it could not be done. */
export async function act(
  request: Promise<Answer<unknown>>,
  words: { readonly done: string; readonly failed: string },
): Promise<void> {
  const answer = await request;
  done.value = answer.ok ? words.done : words.failed;
  await look();
}
