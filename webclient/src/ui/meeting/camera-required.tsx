/** In an exam: this meeting asks for a camera. It is said until it is on. */
import type { JSX } from "preact";
import { obstacle } from "../../conference/state/rules";
import { Icon } from "../icons";
import { formatTime, t } from "../language";
import { useParts } from "../selected";
import { toggleCamera } from "./actions";

export function CameraRequired(): JSX.Element | null {
  const { rules, local, isModerator, phase, ownId, withoutCamera } = useParts(
    "rules",
    "local",
    "isModerator",
    "phase",
    "ownId",
    "withoutCamera",
  );
  if (!rules.metadata.isCameraRequired || isModerator) return null;
  if (local.camera === "on" || phase !== "joined") return null;
  const mayTurnOn = obstacle(rules, "video", { id: ownId, isModerator }) === null;
  const isKnown = withoutCamera[ownId] !== undefined;
  return (
    <div class="toast action" role="status" data-testid="camera-wanted" data-known={isKnown}>
      <Icon name="camera-off" />
      <span>{t(isKnown ? "exam.cameraMissed" : "exam.cameraWanted")}</span>
      {mayTurnOn && (
        <button type="button" class="button primary" onClick={toggleCamera}>
          {t("toolbar.startCamera")}
        </button>
      )}
    </div>
  );
}

/** For moderators, in the list of people: since when somebody has no camera. */
export function NoCamera({ endpoint }: { endpoint: string }): JSX.Element | null {
  const { rules, isModerator, withoutCamera } = useParts("rules", "isModerator", "withoutCamera");
  const since = withoutCamera[endpoint];
  if (!isModerator || !rules.metadata.isCameraRequired || since === undefined) return null;
  return (
    <span class="person-no-camera" data-testid="no-camera">
      {t("people.noCamera", { time: formatTime(since) })}
    </span>
  );
}

/** For moderators, above the list: how many there are, which a long list does not show. */
export function HowManyWithoutCamera(): JSX.Element | null {
  const { rules, isModerator, withoutCamera } = useParts("rules", "isModerator", "withoutCamera");
  const count = Object.keys(withoutCamera).length;
  if (!isModerator || !rules.metadata.isCameraRequired || count === 0) return null;
  return (
    <p class="hint no-cameras" role="status" data-testid="no-cameras">
      <Icon name="camera-off" />
      <span>{t("people.noCameras", { count })}</span>
    </p>
  );
}
