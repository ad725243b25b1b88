/** Files in the room, and those on their way there. */
import type { FileMessage, SharedFile } from "../../protocol/file-sharing";

export interface Upload {
  readonly id: string;
  readonly name: string;
  readonly size: number;
  /** Bytes that have arrived. */
  readonly sent: number;
  /** Why it did not get through; empty while it does. */
  readonly problem: UploadProblem | "";
}

export type UploadProblem = "too-large" | "wrong-type" | "unsafe" | "not-allowed" | "failed";

export interface Files {
  readonly shared: readonly SharedFile[];
  readonly uploads: readonly Upload[];
}

export type FileEvent =
  | FileMessage
  | { kind: "upload-started"; upload: Upload }
  | { kind: "upload-moved"; id: string; sent: number }
  | { kind: "upload-failed"; id: string; problem: UploadProblem }
  | { kind: "upload-gone"; id: string };

export const NO_FILES: Files = { shared: [], uploads: [] };

export function applyFile(files: Files, event: FileEvent): Files {
  const without = (id: string): readonly SharedFile[] =>
    files.shared.filter((file) => file.id !== id);
  const change = (id: string, part: Partial<Upload>): Files => ({
    ...files,
    uploads: files.uploads.map((each) => (each.id === id ? { ...each, ...part } : each)),
  });
  switch (event.kind) {
    case "added":
      return { ...files, shared: [...without(event.file.id), event.file] };
    case "removed":
      return { ...files, shared: without(event.fileId) };
    case "known":
      return { ...files, shared: [...event.files].sort((a, b) => a.at - b.at) };
    case "upload-started":
      return { ...files, uploads: [...files.uploads, event.upload] };
    case "upload-moved":
      return change(event.id, { sent: event.sent });
    case "upload-failed":
      return change(event.id, { problem: event.problem });
    case "upload-gone":
      return { ...files, uploads: files.uploads.filter((each) => each.id !== event.id) };
  }
}
