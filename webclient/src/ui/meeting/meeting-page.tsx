/** The meeting: people fill the space, everything else waits at the edge. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { dialog, leaveToStart, meeting, panel } from "../app";
import { t } from "../language";
import { isOnline } from "../online";
import { useSelected } from "../selected";
import { shortcutOf } from "./actions";
import { Announcer } from "./announcer";
import { AudioOutput } from "./audio-output";
import { CaptionArea } from "./captions";
import { ChatPanel } from "./chat-panel";
import { ControlPanel } from "./control-panel";
import { Dialogs } from "./dialogs";
import { FilesPanel } from "./files-panel";
import { GroupBar, Moving } from "./group-bar";
import { MeetingHeader } from "./header";
import { PeoplePanel } from "./people-panel";
import { PollsPanel } from "./polls-panel";
import { usePushToTalk } from "./push-to-talk";
import { useSounds } from "./sound-player";
import { TileArea } from "./tile-area";
import { Toasts } from "./toasts";
import { Toolbar } from "./toolbar";

const HIDE_AFTER_MS = 4_000;

export function MeetingPage({ room }: { room: string }): JSX.Element {
  const phase = useSelected((state) => state.phase);
  const attempt = useSelected((state) => state.attempt);
  const mediaPath = useSelected((state) => state.mediaPath);
  const people = useSelected((state) => state.participants.length) + 1;
  const isModerator = useSelected((state) => state.isModerator);
  const isIdle = useIdle();
  const openPanel = panel.value;
  useShortcuts();
  usePushToTalk();
  useSounds();

  // A panel or a dialog in use keeps the controls in sight.
  const isQuiet = isIdle && openPanel === null && dialog.value === null;
  return (
    <div
      class="meeting"
      data-testid="meeting"
      data-transport={mediaPath}
      data-participants={people}
      data-panel={openPanel ?? undefined}
      data-quiet={isQuiet}
    >
      <MeetingHeader room={room} />
      <main class="meeting-main" aria-label={t("meeting.people")}>
        <TileArea />
      </main>
      {openPanel === "chat" && <ChatPanel />}
      {openPanel === "people" && <PeoplePanel />}
      {openPanel === "files" && <FilesPanel />}
      {openPanel === "polls" && <PollsPanel />}
      {openPanel === "control" && isModerator && <ControlPanel />}
      <CaptionArea />
      <GroupBar />
      <Toasts />
      <Toolbar />
      <Dialogs room={room} />
      <AudioOutput />
      <Announcer />
      <Moving />
      {phase === "reconnecting" && (
        <div class="reconnecting" role="alert">
          <div class="reconnecting-box">
            <h2>{t("reconnecting.title")}</h2>
            <p>{t(isOnline.value ? "reconnecting.detail" : "silent.offline")}</p>
            <div class="progress" aria-hidden="true">
              <span />
            </div>
            {attempt > 1 && <p class="label">{t("reconnecting.attempt", { count: attempt })}</p>}
            <div class="form-buttons">
              <button type="button" class="button" onClick={() => leaveToStart()}>
                {t("toolbar.leaveMeeting")}
              </button>
              <button
                type="button"
                class="button primary"
                data-testid="try-now"
                onClick={() => meeting.value?.tryNow()}
              >
                {t("error.retry")}
              </button>
            </div>
          </div>
        </div>
      )}
    </div>
  );
}

function useIdle(): boolean {
  const isIdle = useSignal(false);
  useEffect(() => {
    let timer = 0;
    const wake = (): void => {
      isIdle.value = false;
      window.clearTimeout(timer);
      timer = window.setTimeout(() => {
        // Whoever walks through the controls by keyboard must see where they are.
        const { activeElement } = document;
        const inUse =
          activeElement?.matches(":focus-visible") === true ||
          document.querySelector("[data-open-menu]") !== null;
        if (inUse) wake();
        else isIdle.value = true;
      }, HIDE_AFTER_MS);
    };
    const events = ["pointermove", "pointerdown", "keydown", "focusin"] as const;
    for (const event of events) window.addEventListener(event, wake, { passive: true });
    wake();
    return () => {
      window.clearTimeout(timer);
      for (const event of events) window.removeEventListener(event, wake);
    };
  }, []);
  return isIdle.value;
}

function useShortcuts(): void {
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.key === "Escape" && panel.value && !dialog.value && !event.defaultPrevented) {
        panel.value = null;
        return;
      }
      const action = shortcutOf(event);
      if (!action || !meeting.value) return;
      event.preventDefault();
      action();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, []);
}
