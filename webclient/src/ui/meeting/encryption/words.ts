/** Which sentence says how somebody stands with end-to-end encryption. */

import { isReadable } from "../../../conference/e2ee/state";
import type { Conference, Participant } from "../../../conference/state";
import { type Key, t } from "../../language";

/** How many of the others cannot be heard and seen because one side encrypts and the other not. */
export function countHidden(state: Conference): number {
  return state.participants.filter((each) => !isReadable(state.encryption, each)).length;
}

/** Why somebody is neither shown nor heard; undefined when encryption is not the reason. */
export function hiddenBecause(state: Conference, person: Participant): Key | undefined {
  if (isReadable(state.encryption, person)) {
    return state.encryption.peers[person.id] === "failing" && state.encryption.own !== "off"
      ? "encryption.hidden.failing"
      : undefined;
  }
  switch (state.encryption.own) {
    case "unsupported":
      return "encryption.hidden.youCannot";
    case "off":
      return "encryption.hidden.youAreOff";
    default:
      return person.encrypts
        ? "encryption.hidden.waiting"
        : state.encryption.peers[person.id] === "unsupported"
          ? "encryption.hidden.unsupported"
          : "encryption.hidden.off";
  }
}

export function nameOf(name: string): string {
  return name.trim() === "" ? t("tile.noName") : name;
}
