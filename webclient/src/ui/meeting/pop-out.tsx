/**
 * The meeting in a small window above all others: whoever is large or speaks, and the controls that
 * matter. A whole window where the browser has one (Document Picture-in-Picture), else its picture.
 */
import { computed, signal } from "@preact/signals";
import { type JSX, render } from "preact";
import { conference, localVersion, meeting, remoteTracks, view } from "../app";
import { Avatar } from "../avatar";
import { Icon, type IconName } from "../icons";
import { t } from "../language";
import { toggleCamera, toggleMicrophone } from "./actions";
import { tileName } from "./names";
import { layoutOf } from "./tile-layout";
import type { TileModel } from "./tiles";
import { VideoView } from "./video-view";

interface DocumentPictureInPicture {
  requestWindow(options: { width: number; height: number }): Promise<Window>;
}

const ownWindow = (globalThis as { documentPictureInPicture?: DocumentPictureInPicture })
  .documentPictureInPicture;

export const canPopOut = ownWindow !== undefined || document.pictureInPictureEnabled === true;

const WIDTH = 384;
const HEIGHT = 276;

/** What is open; `source` is what it shows, received also while the page itself is out of sight. */
type Open =
  | { readonly kind: "window"; readonly window: Window }
  | { readonly kind: "video"; readonly video: HTMLVideoElement; readonly source: string };

const open = signal<Open | null>(null);

/** Who is large, else who speaks, else the first of the others. */
const shown = computed((): TileModel | undefined => {
  const state = conference.value;
  const { all, stages } = layoutOf(state, view.value, { width: 0, height: 0 }, 0);
  const others = all.filter((tile) => !tile.isLocal);
  return (
    all.find((tile) => tile.id === stages[0]) ??
    others.find((tile) => tile.endpoint === state.dominantSpeaker && !tile.isScreen) ??
    others[0] ??
    all.at(-1)
  );
});

export const poppedOut = computed(() => {
  const { value } = open;
  if (!value) return null;
  return { source: value.kind === "video" ? value.source : (shown.value?.id ?? null) };
});

/** Open it, or close it. Needs a click: browsers refuse it otherwise, and then nothing changes. */
export async function togglePopOut(): Promise<void> {
  if (open.value) {
    closePopOut();
    return;
  }
  try {
    if (ownWindow) await openWindow(ownWindow);
    else await openVideo();
  } catch {
    open.value = null;
  }
}

export function closePopOut(): void {
  const { value } = open;
  open.value = null;
  if (value?.kind === "window") value.window.close();
  // It may have been closed by its own button meanwhile.
  else if (value) document.exitPictureInPicture().catch(() => undefined);
}

async function openWindow(pictureInPicture: DocumentPictureInPicture): Promise<void> {
  const popUp = await pictureInPicture.requestWindow({ width: WIDTH, height: HEIGHT });
  const { document: page } = popUp;
  for (const sheet of document.querySelectorAll("link[rel=stylesheet], style")) {
    page.head.append(page.importNode(sheet, true));
  }
  page.documentElement.lang = document.documentElement.lang;
  page.body.dataset.look = "meeting";
  page.title = document.title;
  render(<PopOut />, page.body);
  popUp.addEventListener("pagehide", () => {
    render(null, page.body);
    open.value = null;
  });
  open.value = { kind: "window", window: popUp };
}

async function openVideo(): Promise<void> {
  const source = shown.value?.id;
  const video = document.querySelector<HTMLVideoElement>(
    `[data-testid=tile][data-source="${CSS.escape(source ?? "")}"] video`,
  );
  if (!source || !video) return;
  video.disablePictureInPicture = false;
  await video.requestPictureInPicture();
  video.addEventListener(
    "leavepictureinpicture",
    () => {
      video.disablePictureInPicture = true;
      open.value = null;
    },
    { once: true },
  );
  open.value = { kind: "video", video, source };
}

function PopOut(): JSX.Element {
  const tile = shown.value;
  void localVersion.value;
  const localMedia = meeting.value?.localMedia;
  const isMicOn = conference.value.local.microphone === "on";
  const isCameraOn = conference.value.local.camera === "on";
  const track = tile
    ? tile.isLocal
      ? (localMedia?.cameraTrack ?? null)
      : (remoteTracks.value.get(tile.id) ?? null)
    : null;
  const hasPicture = tile !== undefined && !tile.isVideoMuted && track !== null;
  return (
    <main class="pop-out" aria-label={t("meeting.label")}>
      <div class="pop-out-picture">
        {hasPicture ? (
          <VideoView
            track={track}
            isMirrored={tile.isLocal}
            isContained={tile.isScreen}
            label={tileName(tile)}
          />
        ) : (
          tile && <Avatar id={tile.endpoint} name={tile.name} />
        )}
        {tile && <p class="tile-name">{tileName(tile)}</p>}
      </div>
      <div class="pop-out-controls">
        <PopOutButton
          icon={isMicOn ? "mic" : "mic-off"}
          isOff={!isMicOn}
          label={t(isMicOn ? "toolbar.mute" : "toolbar.unmute")}
          onPress={toggleMicrophone}
        />
        <PopOutButton
          icon={isCameraOn ? "camera" : "camera-off"}
          isOff={!isCameraOn}
          label={t(isCameraOn ? "toolbar.stopCamera" : "toolbar.startCamera")}
          onPress={toggleCamera}
        />
        <PopOutButton icon="minimize" label={t("view.popIn")} onPress={closePopOut} />
      </div>
    </main>
  );
}

function PopOutButton(props: {
  icon: IconName;
  label: string;
  isOff?: boolean;
  onPress: () => void;
}): JSX.Element {
  return (
    <button
      type="button"
      class="round"
      data-off={props.isOff}
      aria-label={props.label}
      title={props.label}
      onClick={props.onPress}
    >
      <Icon name={props.icon} />
    </button>
  );
}
