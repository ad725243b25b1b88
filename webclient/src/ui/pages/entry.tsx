/** On the way in: connecting, or waiting until the meeting opens. One sentence, one way out. */
import type { JSX } from "preact";
import { bodyState, conference, devices, localVersion, openStart } from "../app";
import { Avatar } from "../avatar";
import { t } from "../language";
import { VideoView } from "../meeting/video-view";

export function EntryPage({ room }: { room: string }): JSX.Element {
  const isWaiting = bodyState.value === "waiting";
  void localVersion.value;
  const { displayName } = conference.value;
  const track = devices().cameraTrack;
  return (
    <main class="entry">
      <div class="entry-preview">
        {track ? (
          <VideoView track={track} isMirrored label={t("check.preview")} />
        ) : (
          <Avatar id={displayName || room} name={displayName} />
        )}
      </div>
      <div role="status">
        <h1>{isWaiting ? t("waiting.title") : t("connecting.title", { room })}</h1>
        <p>{isWaiting ? t("waiting.detail") : t("connecting.detail")}</p>
      </div>
      <div class="progress" aria-hidden="true">
        <span />
      </div>
      <button type="button" class="button" data-testid="cancel" onClick={() => openStart()}>
        {t("cancel")}
      </button>
    </main>
  );
}
