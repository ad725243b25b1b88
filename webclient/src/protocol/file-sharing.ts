/** Files in the room (signalling notes 6.11): what is told about them, and the way to the bytes. */
import { asNumber, asText, isObject, type Json } from "./components";
import type { EndpointId } from "./ids";
import { NS } from "./ns";
import { type Xml, xml } from "./xml";

export interface SharedFile {
  readonly id: string;
  readonly name: string;
  readonly size: number;
  readonly mediaType: string;
  readonly from: EndpointId;
  readonly fromName: string;
  /** In ms since the epoch. */
  readonly at: number;
}

export type FileMessage =
  | { kind: "added"; file: SharedFile }
  | { kind: "removed"; fileId: string }
  | { kind: "known"; files: readonly SharedFile[] };

function parseFile(value: unknown): SharedFile | undefined {
  if (!isObject(value) || asText(value.fileId) === "") return undefined;
  return {
    id: asText(value.fileId),
    name: asText(value.fileName),
    size: asNumber(value.fileSize) ?? 0,
    mediaType: asText(value.fileType),
    from: asText(value.authorParticipantId),
    fromName: asText(value.authorParticipantName),
    at: asNumber(value.timestamp) ?? 0,
  };
}

export function parseFileSharing(payload: Json): FileMessage | undefined {
  switch (payload.event) {
    case "add": {
      const file = parseFile(payload.file);
      return file && { kind: "added", file };
    }
    case "remove":
      return { kind: "removed", fileId: asText(payload.fileId) };
    case "list":
      return {
        kind: "known",
        files: Object.values(isObject(payload.files) ? payload.files : {})
          .map(parseFile)
          .filter((each) => each !== undefined),
      };
    default:
      return undefined;
  }
}

export function buildFileAdded(file: SharedFile): Xml {
  return xml(
    "file-sharing",
    { xmlns: NS.jitmeet, type: "add" },
    JSON.stringify({
      fileId: file.id,
      fileName: file.name,
      fileSize: file.size,
      fileType: file.mediaType,
      timestamp: file.at,
      authorParticipantId: file.from,
      authorParticipantName: file.fromName,
    }),
  );
}

export function buildFileRemoved(fileId: string): Xml {
  return xml("file-sharing", { xmlns: NS.jitmeet, type: "remove", fileId });
}
