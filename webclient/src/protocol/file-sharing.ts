/** Files in the room (signalling notes 6.11): what is told about them, and the way to the bytes. */
import { asNumber, asText, isObject, type Json } from "./components";
import type { EndpointId } from "./ids";
import { NS } from "./ns";
import { child, elements, type Xml, xml } from "./xml";

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

/** Ask the server for the short key that opens the files of this room (notes 1.11). */
export function buildFileKeyRequest(): Xml {
  return xml(
    "credentials",
    { xmlns: NS.extdisco },
    xml("service", { type: "short-lived-token", host: "file-sharing" }),
  );
}

/** The key and when it ends, in ms since the epoch. */
export function parseFileKey(iq: Xml): { token: string; expiresAt: number } | undefined {
  const service = elements(child(iq, "credentials", NS.extdisco), "service")[0];
  const token = service?.attrs.password ?? "";
  if (token === "") return undefined;
  const expiresAt = Date.parse(service?.attrs.expires ?? "");
  return { token, expiresAt: Number.isNaN(expiresAt) ? 0 : expiresAt };
}
