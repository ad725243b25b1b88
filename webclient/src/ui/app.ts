/** Which page is shown, and the meeting under way, as signals the pages read. */
import { batch, computed, signal } from "@preact/signals";
import { LocalMedia } from "../conference/local-media";
import { Meeting } from "../conference/meeting";
import { type Conference, initialConference, type SourceName } from "../conference/state";
import { readOverrides } from "../embedding/overrides";
import { readConfig, type SiteConfig } from "../protocol/config";
import type { View } from "./meeting/staging";
import { remember, remembered, rememberRoom } from "./preferences";
import { roomFromInput } from "./room-names";
import { tabStorage, takeToken } from "./token";

export type Page =
  | { readonly kind: "start" }
  | { readonly kind: "check"; readonly room: string }
  | { readonly kind: "meeting"; readonly room: string };

export type Panel = "people" | "chat" | "files" | "polls" | "control";
export type DialogKind =
  | "invite"
  | "settings"
  | "log"
  | "shortcuts"
  | "remove"
  | "end-for-all"
  | "times"
  | "leader-link"
  | "encryption";

export const site: SiteConfig = readConfig(
  (globalThis as { config?: unknown }).config,
  window.location,
);

export const page = signal<Page>({ kind: "start" });
export const meeting = signal<Meeting | null>(null);
export const conference = signal<Conference>(initialConference);
export const remoteTracks = signal<ReadonlyMap<SourceName, MediaStreamTrack>>(new Map());
export const panel = signal<Panel | null>(null);
export const dialog = signal<DialogKind | null>(null);
const { layout, hidesSelf } = remembered();
/** What this person wants to see, and how large. */
export const view = signal<View>({ layout, hidesSelf, pinned: [], hidesWithoutVideo: false });
/** Until when the chat has been seen. */
export const readUntil = signal(0);
export const isAudioBlocked = signal(false);
/** Counts changes of local tracks, for whatever shows them. */
export const localVersion = signal(0);

export const unread = computed(() => {
  const { chat } = conference.value;
  return chat.filter(
    (entry) => entry.at > readUntil.value && !entry.isOwn && !entry.isHistory && !entry.isRetracted,
  ).length;
});

export type BodyState = "start" | "check" | Conference["phase"];

export const bodyState = computed<BodyState>(() =>
  page.value.kind === "meeting" ? conference.value.phase : page.value.kind,
);

/** Options in the address, for tests and for pages that embed a meeting. */
export interface AddressOptions {
  readonly name: string | null;
  readonly skipCheck: boolean;
  readonly p2p: boolean;
  readonly microphone: boolean | null;
  readonly camera: boolean | null;
}

export function addressOptions(hash: string): AddressOptions {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const over = readOverrides(hash);
  const flag = (name: string): boolean | null =>
    given.has(name) ? given.get(name) !== "0" && given.get(name) !== "false" : null;
  return {
    name: given.get("name") ?? over.displayName,
    skipCheck: (flag("skipCheck") ?? over.skipCheck) === true,
    p2p: (flag("p2p") ?? over.p2p) !== false,
    microphone: flag("mic") ?? over.microphone,
    camera: flag("camera") ?? over.camera,
  };
}

let localMedia: LocalMedia | null = null;

/** The devices; kept from the check to the meeting, so that the light does not blink. */
export function devices(): LocalMedia {
  if (!localMedia) {
    const { microphone, camera, speaker, background, noiseSuppression } = remembered();
    const media = new LocalMedia({ microphone, camera, speaker });
    localMedia = media;
    if (background !== "none") void media.effects.setBackground(background);
    if (noiseSuppression) void media.effects.setNoiseSuppression(true);
    let before = media.effects.state;
    media.subscribe(() => {
      localVersion.value += 1;
      const now = media.effects.state;
      const lost = now.backgroundStatus;
      if (lost !== before.backgroundStatus && (lost === "too-slow" || lost === "failed")) {
        meeting.value?.notice(`background-${lost}`);
        remember({ background: "none" });
      }
      if (now.noiseStatus !== before.noiseStatus && now.noiseStatus === "failed") {
        meeting.value?.notice("noise-failed");
        remember({ noiseSuppression: false });
      }
      before = now;
    });
  }
  return localMedia;
}

/** The token with which this tab came, if any. */
export const token = takeToken(window.location, tabStorage(), (address) => {
  history.replaceState(history.state, "", address);
});

/** Go to the house's own provider; it comes back to the room. */
export function signIn(): void {
  const current = page.value;
  const room = current.kind === "meeting" || current.kind === "check" ? current.room : "";
  window.location.assign(site.signInUrl.replace("{room}", encodeURIComponent(room)));
}

export function roomLink(room: string): string {
  return `${window.location.origin}/${encodeURIComponent(room)}`;
}

export function openRoom(input: string): void {
  const room = roomFromInput(input);
  if (room === "") return;
  window.history.pushState(null, "", `/${encodeURIComponent(room)}${window.location.hash}`);
  route();
}

export function openStart(): void {
  window.history.pushState(null, "", "/");
  route();
}

/** Show what the address says. */
export function route(): void {
  if (meeting.value) {
    meeting.value.leave();
    forgetMeeting();
  }
  const room = roomFromInput(window.location.pathname);
  if (room === "") {
    localMedia?.release();
    page.value = { kind: "start" };
    return;
  }
  const options = addressOptions(window.location.hash);
  const known = remembered();
  const name = options.name ?? known.displayName;
  if (options.skipCheck && name !== "") {
    void startMeeting(room, name, {
      microphone: options.microphone ?? known.microphoneOn,
      camera: options.camera ?? known.cameraOn,
    });
    return;
  }
  page.value = { kind: "check", room };
}

/** Join straight away; devices that are wanted and not yet open are opened on the way. */
export async function startMeeting(
  room: string,
  displayName: string,
  wanted?: { microphone: boolean; camera: boolean },
): Promise<void> {
  const media = devices();
  const next = new Meeting(site, media, {
    room,
    displayName,
    p2p: addressOptions(window.location.hash).p2p,
    token,
  });
  batch(() => {
    readUntil.value = 0;
    panel.value = null;
    dialog.value = null;
    view.value = { ...view.value, pinned: [], hidesWithoutVideo: false };
    meeting.value = next;
    page.value = { kind: "meeting", room };
  });
  next.store.subscribe((state) => {
    if (meeting.value === next) conference.value = state;
  });
  next.onTracks(() => {
    if (meeting.value === next) remoteTracks.value = new Map(next.tracks);
  });
  rememberRoom(room);
  const joining = next.join();
  if (wanted) {
    await Promise.all([
      wanted.microphone ? next.setMicrophone(true) : undefined,
      wanted.camera ? next.setCamera(true) : undefined,
    ]);
  }
  await joining;
}

export function rejoin(): void {
  const { room, displayName } = conference.value;
  const { microphoneOn, cameraOn } = remembered();
  forgetMeeting();
  void startMeeting(room, displayName, { microphone: microphoneOn, camera: cameraOn });
}

export function forgetMeeting(): void {
  batch(() => {
    meeting.value = null;
    conference.value = initialConference;
    remoteTracks.value = new Map();
  });
}

export function togglePanel(which: Panel): void {
  panel.value = panel.value === which ? null : which;
}

export function keepDeviceChoice(): void {
  const { microphone, camera, speaker } = devices().choice;
  remember({ microphone, camera, speaker });
}

/** Give up while reconnecting. */
export function leaveToStart(): void {
  meeting.value?.leave();
}
