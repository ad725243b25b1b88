/** What somebody's network or the server takes from a picture: its look, and who is meant. */
import type { PictureReason } from "../../conference/state";
import type { IconName } from "../icons";

export type Limit = Extract<PictureReason, "your-downlink" | "their-uplink" | "bridge-busy">;

export const LIMIT_ICONS: Readonly<Record<Limit, IconName>> = {
  "your-downlink": "downlink",
  "their-uplink": "uplink",
  "bridge-busy": "busy",
};

/** The other reasons are as people chose, so they are no limits. */
export function limitOf(reason: PictureReason | undefined): Limit | undefined {
  return reason && reason in LIMIT_ICONS ? (reason as Limit) : undefined;
}
