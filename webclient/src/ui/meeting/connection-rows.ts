/** The figures of the connection card: how one person's sound and picture travel. */
import type { Conference } from "../../conference/state";
import { language, t } from "../language";
import type { TileModel } from "./tiles";
import { isCause } from "./why";

export interface Row {
  readonly name: string;
  readonly value: string;
}

/** `backgroundMs`: what the effect on this picture takes for each frame; 0 without one. */
export function rowsOf(state: Conference, tile: TileModel, backgroundMs: number): Row[] {
  const { path, region, sources } = state.stats;
  const video = sources[tile.id];
  const audio = sources[`${tile.endpoint}-a${tile.isScreen ? 1 : 0}`];
  const reason = state.pictureReasons[tile.id];
  const measuring = t("card.measuring");
  const rows: Row[] = [
    {
      name: t("card.bitrate"),
      value:
        video || audio
          ? t("card.bitrateValue", {
              video: t("card.kbps", { value: video?.bitrateKbps ?? 0 }),
              audio: t("card.kbps", { value: audio?.bitrateKbps ?? 0 }),
            })
          : measuring,
    },
    {
      name: t("card.loss"),
      value:
        video || audio
          ? percent(Math.max(video?.lossPercent ?? 0, audio?.lossPercent ?? 0))
          : measuring,
    },
    {
      name: t("card.resolution"),
      value: video?.height
        ? `${video.width} × ${video.height}, ${video.framesPerSecond}\u00a0fps`
        : t("card.noVideo"),
    },
    ...(reason && !isCause(reason)
      ? [{ name: t("card.picture"), value: t(`picture.${reason}`) }]
      : []),
    {
      name: t("card.codec"),
      value: [video?.codec, audio?.codec].filter(Boolean).join(", ") || measuring,
    },
    { name: t("card.path"), value: t(`card.path.${state.mediaPath}`) },
    ...(region ? [{ name: t("card.region"), value: region }] : []),
    { name: t("card.transport"), value: path?.transport || measuring },
    {
      name: t("card.roundTrip"),
      value:
        path?.roundTripMs === null || path === null
          ? measuring
          : t("card.roundTripValue", { value: path.roundTripMs }),
    },
  ];
  if (backgroundMs > 0) {
    rows.push({
      name: t("effect.background"),
      value: t("card.backgroundValue", { value: Math.round(backgroundMs) }),
    });
  }
  if (path?.remoteAddress) rows.push({ name: t("card.remote"), value: path.remoteAddress });
  return rows;
}

function percent(value: number): string {
  const format = new Intl.NumberFormat(language.value, {
    style: "percent",
    maximumFractionDigits: 1,
  });
  return format.format(value / 100);
}
