/** People as they are called here. */
import { conference } from "../app";
import { t } from "../language";
import type { TileModel } from "./tiles";

export function displayNameOf(name: string): string {
  return name.trim() === "" ? t("tile.noName") : name;
}

export function tileName(tile: TileModel): string {
  const name = displayNameOf(tile.name);
  if (tile.isScreen) return tile.isLocal ? t("tile.yourScreen") : t("tile.screenOf", { name });
  return tile.isLocal ? t("tile.you", { name }) : name;
}

/** The name of somebody here by id; of oneself too. */
export function nameOf(endpoint: string): string {
  const state = conference.value;
  if (endpoint === state.ownId) return displayNameOf(state.displayName);
  return displayNameOf(state.participants.find((each) => each.id === endpoint)?.displayName ?? "");
}
