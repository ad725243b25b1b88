/** What the server tells administrators (`/admin/api`), and what they ask of it. */

export interface Account {
  readonly name: string;
  readonly display_name: string;
}

/** Milliseconds since the epoch, people, meetings, load of the busiest bridge (1 is full). */
export type Sample = readonly [number, number, number, number];

export interface BridgeLine {
  readonly name: string;
  readonly region: string;
  readonly version: string;
  readonly state: string;
  readonly is_draining: boolean;
  readonly stress: number;
  readonly people: number | null;
  readonly conferences: number | null;
}

export interface Overview {
  readonly now_ms: number;
  readonly people: number;
  readonly meetings: number;
  readonly stress: number;
  readonly recent: readonly Sample[];
  readonly bridges: readonly BridgeLine[];
}

export interface RoomLine {
  readonly room: string;
  readonly people: number;
  readonly in_breakouts: number;
  readonly begun_ms: number | null;
  readonly bridge: string;
  readonly has_password: boolean;
  readonly has_lobby: boolean;
  readonly is_kept: boolean;
}

export interface Connection {
  readonly state: string;
  readonly transport?: string;
  readonly address?: string;
  readonly rtt_ms?: number | null;
  readonly loss_up?: number;
  readonly loss_down?: number;
  readonly up_bps?: number | null;
  readonly down_bps?: number | null;
  readonly reduced?: Readonly<Record<string, number>>;
}

export interface PersonLine {
  readonly id: string;
  readonly name: string;
  readonly account: string;
  readonly role: "moderator" | "participant";
  readonly since_ms: number | null;
  readonly address: string;
  readonly group: string;
  readonly is_away: boolean;
  /** Media goes past the bridge, from one of two people to the other. */
  readonly is_direct: boolean;
  readonly connection: Connection | null;
}

export interface RoomDetail extends RoomLine {
  readonly everybody: readonly PersonLine[];
}

export interface Usage {
  readonly month: string;
  readonly months: readonly string[];
  /** Day, meetings, minutes of people. */
  readonly days: readonly (readonly [string, number, number])[];
  readonly meetings: number;
  readonly rooms: number;
  readonly participants: number;
  readonly person_minutes: number;
  readonly peak_people: number;
  readonly peak_meetings: number;
  readonly longest_minutes: number;
  readonly sizes: readonly number[];
}

export const FAILURES = [
  "signed-out",
  "wrong",
  "no-administrator",
  "too-many",
  "not-found",
  "unreachable",
] as const;
export type Failure = (typeof FAILURES)[number];

export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: Failure; readonly hasSignIn: boolean };

export type Method = "GET" | "POST" | "DELETE";

/** What a refusal means to whoever reads it. */
export function failureOf(status: number, error: unknown): Failure {
  const known = FAILURES.find((each) => each === error);
  if (known) return known;
  return status === 401 ? "signed-out" : "unreachable";
}

export async function ask<T>(
  method: Method,
  path: string,
  body?: Readonly<Record<string, unknown>>,
): Promise<Answer<T>> {
  try {
    const answer = await fetch(`/admin/api/${path}`, {
      method,
      cache: "no-store",
      ...(body ? { headers: { "Content-Type": "application/json" } } : {}),
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const said: unknown = await answer.json();
    if (answer.ok) return { ok: true, value: said as T };
    const { error, has_sign_in } = said as { error?: unknown; has_sign_in?: unknown };
    const failure = failureOf(answer.status, error);
    return { ok: false, failure, hasSignIn: has_sign_in === true };
  } catch {
    return { ok: false, failure: "unreachable", hasSignIn: false };
  }
}

export function roomPath(room: string, ...more: readonly string[]): string {
  return ["rooms", room, ...more].map(encodeURIComponent).join("/");
}

/** The name as people write it: addresses have it percent-encoded. */
export function roomName(room: string): string {
  try {
    return decodeURIComponent(room);
  } catch {
    return room;
  }
}
