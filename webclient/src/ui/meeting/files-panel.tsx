/** Files in the room: bring one, take one. They are gone when the meeting is over. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import type { Upload } from "../../conference/state/files";
import type { SharedFile } from "../../protocol/file-sharing";
import { conference, meeting } from "../app";
import { Icon } from "../icons";
import { formatSize, formatTime, t } from "../language";
import { iMay } from "./intents";
import { displayNameOf, nameOf } from "./names";
import { PanelFrame } from "./panel";

async function save(file: SharedFile): Promise<void> {
  const href = await meeting.value?.files.link(file);
  if (!href) return;
  const link = document.createElement("a");
  link.href = href;
  link.download = file.name;
  link.rel = "noopener noreferrer";
  link.click();
}

function share(list: FileList | null | undefined): void {
  for (const file of Array.from(list ?? [])) void meeting.value?.files.share(file);
}

export function FilesPanel(): JSX.Element {
  const isOver = useSignal(false);
  const input = useRef<HTMLInputElement>(null);
  const { shared, uploads } = conference.value.files;
  const mayShare = iMay("files");
  return (
    <PanelFrame title={t("files.title")}>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the button below does the same */}
      <div
        class="panel-scroll files"
        data-over={isOver.value}
        onDragOver={(event) => {
          if (!mayShare) return;
          event.preventDefault();
          isOver.value = true;
        }}
        onDragLeave={() => {
          isOver.value = false;
        }}
        onDrop={(event) => {
          if (!mayShare) return;
          event.preventDefault();
          isOver.value = false;
          share(event.dataTransfer?.files);
        }}
      >
        {shared.length === 0 && uploads.length === 0 && (
          <p class="panel-empty label">{t(mayShare ? "files.empty" : "files.emptyGuest")}</p>
        )}
        <ul>
          {uploads.map((upload) => (
            <OnTheWay key={upload.id} upload={upload} />
          ))}
          {shared.toReversed().map((file) => (
            <Shared key={file.id} file={file} />
          ))}
        </ul>
      </div>
      {mayShare && (
        <footer class="panel-foot">
          <input
            ref={input}
            class="visually-hidden"
            type="file"
            multiple
            tabIndex={-1}
            aria-label={t("files.share")}
            data-testid="file-input"
            onChange={(event) => {
              share(event.currentTarget.files);
              event.currentTarget.value = "";
            }}
          />
          <button
            type="button"
            class="button primary"
            data-testid="file-share"
            onClick={() => input.current?.click()}
          >
            <Icon name="upload" />
            {t("files.share")}
          </button>
        </footer>
      )}
    </PanelFrame>
  );
}

function Shared({ file }: { file: SharedFile }): JSX.Element {
  const { ownId, isModerator, participants } = conference.value;
  const isOwn = file.from === ownId;
  const isHere = isOwn || participants.some((each) => each.id === file.from);
  const from = isHere ? nameOf(file.from) : displayNameOf(file.fromName);
  return (
    <li class="file" data-testid="file" data-name={file.name}>
      <Icon name="file" />
      <div class="file-about">
        <span class="file-name">{file.name}</span>
        <span class="label">
          {[formatSize(file.size), isOwn ? t("chat.you") : from, formatTime(file.at)].join(" · ")}
        </span>
      </div>
      {(isOwn || isModerator) && (
        <button
          type="button"
          class="button quiet square"
          data-testid="file-remove"
          aria-label={t("files.remove", { name: file.name })}
          title={t("files.remove", { name: file.name })}
          onClick={() => void meeting.value?.files.remove(file)}
        >
          <Icon name="trash" />
        </button>
      )}
      <button
        type="button"
        class="button square"
        data-testid="file-save"
        aria-label={t("files.save", { name: file.name })}
        title={t("files.save", { name: file.name })}
        onClick={() => void save(file)}
      >
        <Icon name="download" />
      </button>
    </li>
  );
}

function OnTheWay({ upload }: { upload: Upload }): JSX.Element {
  const percent = upload.size === 0 ? 0 : Math.floor((100 * upload.sent) / upload.size);
  return (
    <li class="file" data-testid="upload" data-problem={upload.problem}>
      <Icon name={upload.problem === "" ? "upload" : "alert"} />
      <div class="file-about">
        <span class="file-name">{upload.name}</span>
        {upload.problem === "" ? (
          <>
            <progress max={100} value={percent} aria-label={upload.name} />
            <span class="label">
              {t("files.sent", { sent: formatSize(upload.sent), size: formatSize(upload.size) })}
            </span>
          </>
        ) : (
          <span class="label" role="alert">
            {t(`files.problem.${upload.problem}`)}
          </span>
        )}
      </div>
      <button
        type="button"
        class="button quiet square"
        data-testid="upload-dismiss"
        aria-label={t(upload.problem === "" ? "files.stop" : "files.dismiss", {
          name: upload.name,
        })}
        title={t(upload.problem === "" ? "files.stop" : "files.dismiss", { name: upload.name })}
        onClick={() => meeting.value?.files.dismiss(upload.id)}
      >
        <Icon name="close" />
      </button>
    </li>
  );
}
