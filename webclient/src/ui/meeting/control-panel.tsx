/** What moderators decide, in one place: who speaks, who may what, the doors, the groups, the end. */
import type { ComponentChildren, JSX } from "preact";
import { conference, dialog, meeting } from "../app";
import { Icon } from "../icons";
import { t } from "../language";
import { EarlierLists, SaveAttendance } from "./attendance";
import { Doors } from "./control-doors";
import { GroupsControl } from "./control-groups";
import { WhoMay } from "./control-rights";
import { PanelFrame } from "./panel";
import { Switch } from "./switch";

export function ControlSection({
  title,
  children,
}: {
  title: string;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <section class="control-section">
      <h3>{title}</h3>
      {children}
    </section>
  );
}

export function ControlPanel(): JSX.Element {
  return (
    <PanelFrame title={t("control.title")}>
      <div class="panel-scroll control-scroll">
        <ControlSection title={t("control.speech")}>
          <Speech />
        </ControlSection>
        <ControlSection title={t("control.doors")}>
          <Doors />
        </ControlSection>
        {meeting.value?.groups.isSupported && (
          <ControlSection title={t("groups.title")}>
            <GroupsControl />
          </ControlSection>
        )}
        <ControlSection title={t("control.rights")}>
          <WhoMay />
        </ControlSection>
        <ControlSection title={t("control.records")}>
          <Switch
            label={t("control.attendance")}
            detail={t("control.attendanceDetail")}
            testId="attendance-switch"
            isOn={conference.value.rules.metadata.isAttendanceKept}
            onSwitch={(on) => meeting.value?.moderation.setAttendance(on)}
          />
          <ChatKept />
          <div class="control-buttons">
            {conference.value.rules.metadata.isAttendanceKept && <SaveAttendance />}
            <button
              type="button"
              class="button"
              data-testid="control-times"
              onClick={() => {
                dialog.value = "times";
              }}
            >
              <Icon name="clock" />
              {t("times.open")}
            </button>
          </div>
          <EarlierLists />
        </ControlSection>
      </div>
      <footer class="panel-foot">
        <button
          type="button"
          class="button end-button"
          data-testid="end-for-all"
          onClick={() => {
            dialog.value = "end-for-all";
          }}
        >
          <Icon name="leave" />
          {t("end.open")}
        </button>
      </footer>
    </PanelFrame>
  );
}

/** Days are laid down by whoever keeps the room; then there is nothing to choose here. */
function ChatKept(): JSX.Element | null {
  const { retention } = conference.value.rules.metadata;
  if (retention === null || retention.kind === "days") return null;
  return (
    <Switch
      label={t("control.chatKept")}
      detail={t("control.chatKeptDetail")}
      testId="chat-kept"
      isOn={retention.kind === "meeting"}
      onSwitch={(on) => meeting.value?.moderation.setChatKept(on)}
    />
  );
}

const ASKING = [
  { media: "audio", label: "control.askAudio", detail: "control.askAudioDetail" },
  { media: "video", label: "control.askVideo", detail: undefined },
  { media: "desktop", label: "control.askDesktop", detail: undefined },
] as const;

function Speech(): JSX.Element {
  const { speech, metadata } = conference.value.rules;
  const moderation = meeting.value?.moderation;
  const { audio, video } = metadata.startMuted;
  return (
    <>
      <div class="control-buttons">
        <button
          type="button"
          class="button"
          data-testid="mute-all"
          onClick={() => void moderation?.muteAll("audio")}
        >
          <Icon name="mute-all" />
          {t("control.muteAll")}
        </button>
        <button
          type="button"
          class="button"
          data-testid="cameras-off"
          onClick={() => void moderation?.muteAll("video")}
        >
          <Icon name="camera-off" />
          {t("control.camerasOff")}
        </button>
      </div>
      {ASKING.map(({ media, label, detail }) => (
        <Switch
          key={media}
          label={t(label)}
          detail={detail && t(detail)}
          testId={`ask-${media}`}
          isOn={speech[media].isOn}
          onSwitch={(on) => moderation?.askFirst(media, on)}
        />
      ))}
      <Switch
        label={t("control.startMuted")}
        testId="start-muted"
        isOn={audio}
        onSwitch={(on) => moderation?.setStartMuted({ audio: on, video })}
      />
      <Switch
        label={t("control.startWithoutCamera")}
        testId="start-without-camera"
        isOn={video}
        onSwitch={(on) => moderation?.setStartMuted({ audio, video: on })}
      />
      <Switch
        label={t("control.cameraRequired")}
        detail={t("control.cameraRequiredDetail")}
        testId="camera-required"
        isOn={metadata.isCameraRequired}
        onSwitch={(on) => moderation?.setCameraRequired(on)}
      />
    </>
  );
}
