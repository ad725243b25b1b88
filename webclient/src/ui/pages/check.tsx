/** The device check: see yourself, hear yourself, say your name, join. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { DeviceState } from "../../conference/state";
import { addressOptions, devices, localVersion, openStart, page, startMeeting } from "../app";
import { Avatar } from "../avatar";
import { DeviceMenus } from "../device-menus";
import { Icon } from "../icons";
import { type Key, t } from "../language";
import { VideoView } from "../meeting/video-view";
import { remember, remembered } from "../preferences";
import { Frame } from "./frame";
import { firstInside, isCameraRequired, WhoIsInside } from "./inside";
import { PermissionHelp } from "./permission-help";

const TROUBLE: readonly DeviceState[] = ["blocked", "missing", "busy"];

export function CheckPage({ room }: { room: string }): JSX.Element {
  const known = remembered();
  const options = addressOptions(window.location.hash);
  const name = useSignal(options.name ?? known.displayName);
  const isOpening = useSignal(false);
  void localVersion.value;
  const media = devices();
  const { camera, microphone } = media.state;
  const troubles = (["camera", "microphone"] as const).filter((kind) =>
    TROUBLE.includes(media.state[kind]),
  );

  const open = async (kinds: { camera: boolean; microphone: boolean }): Promise<void> => {
    isOpening.value = true;
    await Promise.all([
      kinds.camera ? media.set("camera", true) : undefined,
      kinds.microphone ? media.set("microphone", true) : undefined,
    ]);
    isOpening.value = false;
  };

  // What the room turned off is no wish of this person for the next room.
  const roomTurnsOff = useSignal({ camera: false, microphone: false });
  useEffect(() => {
    // Whoever joins before the answer is here gets their devices all the same.
    isOpening.value = true;
    void firstInside(room).then((inside) => {
      if (page.value.kind === "start") return;
      roomTurnsOff.value = {
        camera: inside?.startsWithoutCamera === true,
        microphone: inside?.startsMuted === true,
      };
      const usually = known.cameraOn && !roomTurnsOff.value.camera;
      void open({
        camera: options.camera ?? (usually || isCameraRequired.value),
        microphone: options.microphone ?? (known.microphoneOn && !roomTurnsOff.value.microphone),
      });
    });
  }, []);

  const join = (): void => {
    const displayName = name.value.trim();
    const isWished = (kind: "camera" | "microphone", before: boolean): boolean =>
      media.state[kind] === "on" || ((isOpening.value || roomTurnsOff.value[kind]) && before);
    remember({
      displayName,
      // Nor is what it turned on.
      cameraOn: isCameraRequired.value ? known.cameraOn : isWished("camera", known.cameraOn),
      microphoneOn: isWished("microphone", known.microphoneOn),
    });
    void startMeeting(room, displayName);
  };

  const isCameraOn = camera === "on";
  const lacksCamera = !isCameraOn && !isOpening.value;
  const isMicrophoneOn = microphone === "on";
  return (
    <Frame wide>
      <section class="check" aria-labelledby="check-title">
        <div class="check-preview-side">
          <div class="preview" data-camera={camera}>
            {isCameraOn ? (
              <VideoView track={media.cameraTrack} isMirrored label={t("check.preview")} />
            ) : (
              <div class="preview-empty">
                <Avatar id={name.value || room} name={name.value} />
                <p>
                  {isOpening.value && camera === "off" && known.cameraOn
                    ? t("check.cameraStarting")
                    : t("check.cameraOff")}
                </p>
              </div>
            )}
            <span class="preview-name">{name.value.trim() || t("tile.noName")}</span>
            <div class="preview-controls">
              <button
                type="button"
                class="round"
                data-testid="check-mic"
                data-off={!isMicrophoneOn}
                aria-pressed={isMicrophoneOn}
                aria-label={t(isMicrophoneOn ? "check.mute" : "check.unmute")}
                title={t(isMicrophoneOn ? "check.mute" : "check.unmute")}
                onClick={() => void media.set("microphone", !isMicrophoneOn)}
              >
                <Icon name={isMicrophoneOn ? "mic" : "mic-off"} />
              </button>
              <button
                type="button"
                class="round"
                data-testid="check-camera"
                data-off={!isCameraOn}
                aria-pressed={isCameraOn}
                aria-label={t(isCameraOn ? "check.turnCameraOff" : "check.turnCameraOn")}
                title={t(isCameraOn ? "check.turnCameraOff" : "check.turnCameraOn")}
                onClick={() => void media.set("camera", !isCameraOn)}
              >
                <Icon name={isCameraOn ? "camera" : "camera-off"} />
              </button>
            </div>
          </div>
          {troubles.map((kind) => (
            <p class="hint" role="status" key={kind} data-testid={`trouble-${kind}`}>
              <Icon name={kind === "camera" ? "camera-off" : "mic-off"} />
              <span>{t(`device.${kind}.${media.state[kind]}` as Key)}</span>
            </p>
          ))}
          {troubles.some((kind) => media.state[kind] === "blocked") && <PermissionHelp />}
          {troubles.length > 0 && (
            <button
              type="button"
              class="button"
              data-testid="retry-devices"
              onClick={() =>
                void open({
                  camera: troubles.includes("camera"),
                  microphone: troubles.includes("microphone"),
                })
              }
            >
              <Icon name="refresh" />
              {t("device.retry")}
            </button>
          )}
        </div>
        <form
          class="check-form"
          onSubmit={(event) => {
            event.preventDefault();
            join();
          }}
        >
          <div>
            <h1 id="check-title">{t("check.title")}</h1>
            <p class="check-room">
              <span class="label">{t("check.room")}</span> <strong>{room}</strong>
            </p>
            <WhoIsInside room={room} />
          </div>
          {isCameraRequired.value && (
            <p class="hint" role="status" data-testid="check-camera-required" data-met={isCameraOn}>
              <Icon name={lacksCamera ? "camera-off" : "camera"} />
              <span>{t(lacksCamera ? "exam.withoutCamera" : "exam.cameraWanted")}</span>
            </p>
          )}
          <div class="stack">
            <label class="label" for="display-name">
              {t("check.name")}
            </label>
            <input
              id="display-name"
              data-testid="display-name"
              class="field"
              type="text"
              autocomplete="name"
              maxLength={80}
              autofocus
              placeholder={t("check.nameHint")}
              value={name.value}
              onInput={(event) => {
                name.value = event.currentTarget.value;
              }}
            />
          </div>
          <DeviceMenus />
          <div class="check-actions">
            <button type="submit" class="button primary large" data-testid="join">
              {t(isCameraRequired.value && lacksCamera ? "exam.joinWithout" : "check.join")}
            </button>
            <button type="button" class="button quiet" onClick={() => openStart()}>
              {t("check.back")}
            </button>
          </div>
          <p class="label" role="status">
            {isMicrophoneOn || isOpening.value
              ? ""
              : t(roomTurnsOff.value.microphone ? "check.roomStartsMuted" : "check.joinMuted")}
          </p>
        </form>
      </section>
    </Frame>
  );
}
