/** What buttons, menus and keys do; one place, so that they all do the same. */
import { conference, dialog, meeting, roomLink, togglePanel, view } from "../app";
import { remember } from "../preferences";
import { type Layout, nameForOthers, withPin } from "./staging";
import type { TileModel } from "./tiles";

export function toggleMicrophone(): void {
  const on = conference.value.local.microphone !== "on";
  remember({ microphoneOn: on });
  void meeting.value?.setMicrophone(on);
}

export function toggleCamera(): void {
  const on = conference.value.local.camera !== "on";
  remember({ cameraOn: on });
  void meeting.value?.setCamera(on);
}

export const canShare = "getDisplayMedia" in (navigator.mediaDevices ?? {});

export function toggleShare(): void {
  if (canShare) void meeting.value?.setShare(conference.value.local.share === "off");
}

export function toggleHand(): void {
  meeting.value?.setHand(conference.value.raisedHandAt === null);
}

/** Also gives up what was pinned: a choice that changes nothing would look broken. */
export function chooseLayout(layout: Layout): void {
  remember({ layout });
  view.value = { ...view.value, layout, pinned: [] };
}

export function toggleSpeakerLayout(): void {
  chooseLayout(view.value.layout === "speaker" ? "auto" : "speaker");
}

export function togglePin(source: string): void {
  view.value = withPin(view.value, source);
}

export function toggleSelf(): void {
  const hidesSelf = !view.value.hidesSelf;
  remember({ hidesSelf });
  view.value = { ...view.value, hidesSelf };
}

export function toggleWithoutVideo(): void {
  view.value = { ...view.value, hidesWithoutVideo: !view.value.hidesWithoutVideo };
}

export function isInSpotlight(tile: TileModel): boolean {
  return conference.value.ownSpotlight?.onStage.includes(nameForOthers(tile)) ?? false;
}

/** Large for everybody, or no longer. */
export function toggleSpotlight(tile: TileModel): void {
  const onStage = isInSpotlight(tile) ? [] : [nameForOthers(tile)];
  meeting.value?.setSpotlight(onStage.length > 0 ? { onStage, isGrid: false } : null);
}

export const canFullscreen = document.fullscreenEnabled === true;

export function toggleFullscreen(): void {
  // The browser may refuse; then nothing changes.
  const change = document.fullscreenElement
    ? document.exitFullscreen()
    : document.documentElement.requestFullscreen();
  change.catch(() => undefined);
}

export async function copyInvitation(): Promise<void> {
  const link = roomLink(conference.value.room);
  try {
    await navigator.clipboard.writeText(link);
    meeting.value?.notice("invitation-copied");
  } catch {
    // Without the clipboard the link is shown, to be copied by hand.
    dialog.value = "invite";
  }
}

export function leave(): void {
  meeting.value?.leave();
}

/** Documented in the help sheet; keys are what the keyboard prints, not where they lie. */
export const SHORTCUTS: Readonly<Record<string, () => void>> = {
  m: toggleMicrophone,
  v: toggleCamera,
  s: toggleShare,
  c: () => togglePanel("chat"),
  p: () => togglePanel("people"),
  r: toggleHand,
  w: toggleSpeakerLayout,
  f: () => canFullscreen && toggleFullscreen(),
  "?": () => {
    dialog.value = "shortcuts";
  },
};

/** The action of a key press, unless somebody is typing or a dialog is open. */
export function shortcutOf(event: KeyboardEvent): (() => void) | undefined {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return undefined;
  const target = event.target as HTMLElement | null;
  if (target?.closest("input, textarea, select, dialog, [role=menu], [contenteditable]")) {
    return undefined;
  }
  return SHORTCUTS[event.key.toLowerCase()];
}
