/** In an exam: this meeting asks for a camera. It is said until it is on. */
import type { JSX } from "preact";
import { Icon } from "../icons";
import { t } from "../language";
import { useParts } from "../selected";
import { toggleCamera } from "./actions";

export function CameraRequired(): JSX.Element | null {
  const { rules, local, isModerator, phase } = useParts("rules", "local", "isModerator", "phase");
  if (!rules.metadata.isCameraRequired || isModerator) return null;
  if (local.camera === "on" || phase !== "joined") return null;
  return (
    <div class="toast action" role="status" data-testid="camera-wanted">
      <Icon name="camera-off" />
      <span>{t("exam.cameraWanted")}</span>
      <button type="button" class="button primary" onClick={toggleCamera}>
        {t("toolbar.startCamera")}
      </button>
    </div>
  );
}
