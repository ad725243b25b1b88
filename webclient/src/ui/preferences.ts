import type { Background } from "../conference/effects/choice";
import { LAYOUTS, type Layout } from "./meeting/staging";
import type { Sound } from "./sounds";

/** What this browser remembers, so that a returning person just presses Enter. */
export interface Preferences {
  readonly displayName: string;
  readonly microphoneOn: boolean;
  readonly cameraOn: boolean;
  readonly microphone: string;
  readonly camera: string;
  readonly speaker: string;
  readonly language: string;
  readonly recentRooms: readonly string[];
  readonly layout: Layout;
  readonly hidesSelf: boolean;
  /** One's own picture is not kept: it stays with the page. */
  readonly background: Exclude<Background, "own">;
  readonly noiseSuppression: boolean;
  readonly silencedSounds: readonly Sound[];
}

const KEY = "tertulia.preferences";
const MAX_RECENT = 4;

const DEFAULTS: Preferences = {
  displayName: "",
  microphoneOn: true,
  cameraOn: true,
  microphone: "",
  camera: "",
  speaker: "",
  language: "",
  recentRooms: [],
  layout: "auto",
  hidesSelf: false,
  background: "none",
  noiseSuppression: false,
  silencedSounds: [],
};

export function remembered(): Preferences {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    const known = { ...DEFAULTS, ...(stored as Partial<Preferences>) };
    return LAYOUTS.includes(known.layout) ? known : { ...known, layout: DEFAULTS.layout };
  } catch {
    // Storage is off, or holds something else: then nothing is remembered.
    return DEFAULTS;
  }
}

export function remember(change: Partial<Preferences>): void {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...remembered(), ...change }));
  } catch {
    // As above.
  }
}

export function rememberRoom(room: string): void {
  const others = remembered().recentRooms.filter((each) => each !== room);
  remember({ recentRooms: [room, ...others].slice(0, MAX_RECENT) });
}

export function forgetRoom(room: string): void {
  remember({ recentRooms: remembered().recentRooms.filter((each) => each !== room) });
}
