/**
 * This person's microphone, camera and screen: asking for them, switching, giving them back.
 *
 * Off means off: a muted camera is released, so that its light goes out. A muted microphone is
 * kept but silent, because opening one takes long enough to lose the first word.
 */
import { LocalEffects } from "./effects/local-effects";
import type { DeviceState, LocalMediaState } from "./state";

export type LocalKind = "microphone" | "camera";

export interface DeviceChoice {
  readonly microphone: string;
  readonly camera: string;
  readonly speaker: string;
}

const CAMERA: MediaTrackConstraints = {
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 30, max: 30 },
};

const MICROPHONE: MediaTrackConstraints = {
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
};

function stateOf(error: unknown): DeviceState {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "blocked";
  if (name === "NotReadableError" || name === "AbortError") return "busy";
  return "missing";
}

export class LocalMedia {
  private tracks: Partial<Record<LocalKind, MediaStreamTrack>> = {};
  private screen: { video: MediaStreamTrack; audio: MediaStreamTrack | null } | null = null;
  private current: LocalMediaState = {
    microphone: "off",
    camera: "off",
    share: "off",
    shareHasSound: false,
  };
  private readonly listeners = new Set<() => void>();
  private chosen: DeviceChoice;
  private opening: Record<LocalKind, number> = { microphone: 0, camera: 0 };
  readonly effects = new LocalEffects({
    changed: () => this.changed(),
    backgroundLost: () => void this.set("camera", false),
  });

  constructor(choice: Partial<DeviceChoice> = {}) {
    this.chosen = { microphone: "", camera: "", speaker: "", ...choice };
    // A camera that was plugged in now is one more to choose from, not a reason to change.
    navigator.mediaDevices?.addEventListener("devicechange", () => this.changed());
  }

  get state(): LocalMediaState {
    return this.current;
  }

  get choice(): DeviceChoice {
    return this.chosen;
  }

  /** The microphone's track also while muted (then it is silent). */
  get microphoneTrack(): MediaStreamTrack | null {
    return this.effects.soundOf(this.tracks.microphone ?? null);
  }

  get cameraTrack(): MediaStreamTrack | null {
    const camera = this.current.camera === "on" ? (this.tracks.camera ?? null) : null;
    return camera && this.effects.pictureOf(camera);
  }

  get screenTrack(): MediaStreamTrack | null {
    return this.screen?.video ?? null;
  }

  get screenAudioTrack(): MediaStreamTrack | null {
    return this.screen?.audio ?? null;
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async set(kind: LocalKind, on: boolean): Promise<DeviceState> {
    if (!on) {
      this.opening[kind] += 1;
      const track = this.tracks[kind];
      if (kind === "microphone" && track) track.enabled = false;
      if (kind === "camera" && track) {
        track.stop();
        delete this.tracks.camera;
      }
      this.update({ [kind]: "off" });
      return "off";
    }
    const track = this.tracks[kind];
    if (track && track.readyState === "live") {
      track.enabled = true;
      this.update({ [kind]: "on" });
      return "on";
    }
    return this.open(kind);
  }

  /** Change to another device; "" is whatever the system prefers. */
  async choose(kind: LocalKind | "speaker", deviceId: string): Promise<void> {
    this.chosen = { ...this.chosen, [kind]: deviceId };
    if (kind === "speaker") {
      this.changed();
      return;
    }
    const wasOn = this.current[kind] === "on";
    const old = this.tracks[kind];
    if (kind === "camera" || !old) {
      old?.stop();
      delete this.tracks[kind];
      if (wasOn) await this.open(kind);
      else this.changed();
      return;
    }
    await this.open(kind);
    old.stop();
    if (!wasOn) await this.set(kind, false);
  }

  async startShare(): Promise<"on" | "off" | "failed"> {
    if (this.screen) return "on";
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia({
        video: { frameRate: { ideal: 15, max: 30 } },
        audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
      });
    } catch (error) {
      // Closing the browser's chooser is a decision, not a failure.
      return stateOf(error) === "blocked" ? "off" : "failed";
    }
    const video = stream.getVideoTracks()[0];
    if (!video) return "failed";
    video.contentHint = "detail";
    const audio = stream.getAudioTracks()[0] ?? null;
    this.screen = { video, audio };
    video.addEventListener("ended", () => this.stopShare());
    this.update({ share: "on", shareHasSound: audio !== null });
    return "on";
  }

  stopShare(): void {
    if (!this.screen) return;
    this.screen.video.stop();
    this.screen.audio?.stop();
    this.screen = null;
    this.update({ share: "off", shareHasSound: false });
  }

  /** Give every device back. */
  release(): void {
    this.stopShare();
    for (const track of Object.values(this.tracks)) track.stop();
    this.tracks = {};
    this.update({ microphone: "off", camera: "off" });
  }

  private async open(kind: LocalKind): Promise<DeviceState> {
    const turn = ++this.opening[kind];
    const constraints: MediaTrackConstraints = {
      ...(kind === "camera" ? CAMERA : MICROPHONE),
      ...(this.chosen[kind] ? { deviceId: { ideal: this.chosen[kind] } } : {}),
    };
    let track: MediaStreamTrack | undefined;
    try {
      if (!navigator.mediaDevices) throw new DOMException("insecure page", "NotFoundError");
      const stream = await navigator.mediaDevices.getUserMedia(
        kind === "camera" ? { video: constraints } : { audio: constraints },
      );
      track = stream.getTracks()[0];
      if (!track) throw new DOMException("no track", "NotFoundError");
    } catch (error) {
      if (turn !== this.opening[kind]) return this.current[kind];
      const state = stateOf(error);
      this.update({ [kind]: state });
      return state;
    }
    if (turn !== this.opening[kind]) {
      // Meanwhile the person changed their mind.
      track.stop();
      return this.current[kind];
    }
    const opened = track;
    opened.addEventListener("ended", () => {
      if (this.tracks[kind] !== opened) return;
      delete this.tracks[kind];
      this.update({ [kind]: "missing" });
    });
    if (kind === "camera") opened.contentHint = "motion";
    this.tracks[kind] = opened;
    this.update({ [kind]: "on" });
    return "on";
  }

  private update(patch: Partial<LocalMediaState>): void {
    this.current = { ...this.current, ...patch };
    this.changed();
  }

  private changed(): void {
    void this.effects.camera.follow(this.tracks.camera ?? null);
    void this.effects.microphone.follow(this.tracks.microphone ?? null);
    for (const listener of this.listeners) listener();
  }
}
