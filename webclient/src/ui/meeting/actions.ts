/** What buttons, menus and keys do; one place, so that they all do the same. */
import { conference, dialog, followsSpeaker, meeting, pinned, roomLink, togglePanel } from "../app";
import { remember } from "../preferences";

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

export function toggleLayout(): void {
  followsSpeaker.value = !followsSpeaker.value;
  pinned.value = null;
}

export function togglePin(source: string): void {
  pinned.value = pinned.value === source ? null : source;
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
  w: toggleLayout,
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
