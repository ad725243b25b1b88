/**
 * What has to be kept of a session so that it can go on over another socket (XEP-0198): in memory
 * alone, since a page that was loaded anew knows nothing of the meeting that it was in.
 */
type Kept = { id: string | null; max: number | null; resumeSupported: boolean };

/** What the server says when it names no time itself. */
const DEFAULT_MAX_S = 60;

/**
 * A server that is away itself does not count that time, and media goes on without it. Should the
 * session be over all the same, the server says so.
 */
const SERVER_AWAY_MS = 120_000;

/** The storage that Strophe's stream management asks for, of one session. */
export class Resumption {
  /** When the socket was lost, in milliseconds. */
  interruptedAt = 0;
  private kept: Kept | null = null;

  /** `former` is the id of a session that ends when this one begins. */
  constructor(private readonly former: string) {}

  load(): never | null {
    return this.kept as never | null;
  }

  save(_key: string, state: Kept): void {
    this.kept = state;
  }

  clear(): void {
    this.kept = null;
  }

  /** The id of the session; empty while there is none that can be resumed. */
  get id(): string {
    return this.kept?.resumeSupported ? (this.kept.id ?? "") : "";
  }

  /** What the address says about who comes. */
  get previd(): string {
    return this.id === "" ? this.former : this.id;
  }

  isPossible(now: number): boolean {
    const maxMs = (this.kept?.max ?? DEFAULT_MAX_S) * 1000;
    return this.id !== "" && now - this.interruptedAt < maxMs + SERVER_AWAY_MS;
  }
}
