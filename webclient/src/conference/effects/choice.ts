/** What a person may put behind themselves. */
export const BACKGROUNDS = ["none", "blur", "hills", "study", "wall", "own"] as const;
export type Background = (typeof BACKGROUNDS)[number];

export type EffectStatus =
  | "off"
  | "starting"
  | "on"
  /** This machine does not keep up; the effect has been turned off. */
  | "too-slow"
  /** The browser cannot do it. */
  | "failed";

export interface EffectsState {
  readonly background: Background;
  readonly backgroundStatus: EffectStatus;
  readonly noiseSuppression: boolean;
  readonly noiseStatus: EffectStatus;
}

export const noEffects: EffectsState = {
  background: "none",
  backgroundStatus: "off",
  noiseSuppression: false,
  noiseStatus: "off",
};

/** A track in, a track out. */
export interface Effect {
  readonly track: MediaStreamTrack;
  /** How long a frame takes on average, where that is measured. */
  readonly frameMs?: number;
  /** Ends the track that comes out; the one that goes in belongs to somebody else. */
  close(): void;
}
