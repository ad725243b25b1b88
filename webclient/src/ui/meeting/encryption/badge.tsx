/** End-to-end encryption in the header and on tiles; the dialog that explains it comes when opened. */
import { signal } from "@preact/signals";
import type { ComponentType, JSX } from "preact";
import { useEffect } from "preact/hooks";
import { conference, dialog } from "../../app";
import { Icon } from "../../icons";
import { t } from "../../language";
import { MenuItem } from "../popover";
import type { TileModel } from "../tiles";
import { countHidden, hiddenBecause, nameOf } from "./words";

export function openEncryption(): void {
  dialog.value = "encryption";
}

/** Only what our own state says: it is shown when what we send is encrypted, and not otherwise. */
export function EncryptionBadge(): JSX.Element | null {
  const { encryption } = conference.value;
  const isAsked = encryption.comparison !== null;
  useEffect(() => {
    if (isAsked) openEncryption();
  }, [isAsked]);
  if (encryption.own !== "on") return null;
  const hidden = countHidden(conference.value);
  const text = hidden === 0 ? t("encryption.badge") : t("encryption.badgeBut", { count: hidden });
  return (
    <button
      type="button"
      class="badge"
      data-testid="encryption-badge"
      data-hidden={hidden}
      aria-label={text}
      title={t("encryption.title")}
      onClick={openEncryption}
    >
      <Icon name={hidden === 0 ? "encrypted" : "partly-encrypted"} />
      <span class="control-label">{text}</span>
    </button>
  );
}

export function EncryptionItem(): JSX.Element {
  return (
    <MenuItem
      icon="encrypted"
      text={t("encryption.title")}
      testId="menu-encryption"
      onPick={openEncryption}
    />
  );
}

/** Over the tile of somebody who is not shown, or not decrypted, why. */
export function EncryptionNote({ tile }: { tile: TileModel }): JSX.Element | null {
  const state = conference.value;
  const person = state.participants.find((each) => each.id === tile.endpoint);
  const why = person && hiddenBecause(state, person);
  if (!why) return null;
  return (
    <p class="tile-encryption" data-testid="tile-encryption" data-why={why}>
      <Icon name="partly-encrypted" />
      <span>{t(why, { name: nameOf(tile.name) })}</span>
    </p>
  );
}

const loaded = signal<ComponentType | null>(null);

export function EncryptionDialog(): JSX.Element | null {
  useEffect(() => {
    if (loaded.value) return;
    void import("./dialog").then((module) => {
      loaded.value = module.EncryptionDialog;
    });
  }, []);
  const Loaded = loaded.value;
  return Loaded && <Loaded />;
}
