/** Files in the room: up with progress, down with the key of the moment (signalling notes 6.11). */
import { asText, buildComponentMessage, parseJson } from "../protocol/components";
import { buildFileAdded, buildFileRemoved, type SharedFile } from "../protocol/file-sharing";
import { buildKeyRequest, parseKey } from "../protocol/short-lived-key";
import type { SeatAccess } from "./seat";
import type { UploadProblem } from "./state/files";
import type { Store } from "./store";

/** A key is used until this long before it ends. */
const KEY_MARGIN_MS = 10_000;

const PROBLEM_BY_STATUS: Readonly<Record<number, UploadProblem>> = {
  401: "not-allowed",
  403: "not-allowed",
  413: "too-large",
  415: "wrong-type",
  422: "unsafe",
};

export class RoomFiles {
  private key: { token: string; expiresAt: number } | null = null;
  private readonly running = new Map<string, XMLHttpRequest>();

  constructor(
    private readonly store: Store,
    private readonly seat: SeatAccess,
    private readonly domain: string,
    /** Where the bytes go; empty when this site keeps no files. */
    private readonly apiUrl: string,
  ) {}

  get isSupported(): boolean {
    return this.apiUrl !== "" && this.seat()?.components?.["file-sharing"] !== undefined;
  }

  async share(file: File): Promise<void> {
    const id = crypto.randomUUID();
    const { dispatch } = this.store;
    const upload = { id, name: file.name, size: file.size, sent: 0, problem: "" as const };
    dispatch({ kind: "file", event: { kind: "upload-started", upload }, at: Date.now() });
    try {
      const fileId = await this.send(id, file);
      this.announce(file, fileId);
      dispatch({ kind: "file", event: { kind: "upload-gone", id }, at: Date.now() });
    } catch (error) {
      const problem = error instanceof UploadError ? error.problem : "failed";
      if (problem === null) return;
      dispatch({ kind: "file", event: { kind: "upload-failed", id, problem }, at: Date.now() });
    } finally {
      this.running.delete(id);
    }
  }

  /** Stop an upload, or clear one that has failed. */
  dismiss(id: string): void {
    this.running.get(id)?.abort();
    this.store.dispatch({ kind: "file", event: { kind: "upload-gone", id }, at: Date.now() });
  }

  /** The address from which the browser may load the file now, and the name to save it under. */
  async link(file: SharedFile): Promise<string | null> {
    try {
      const response = await fetch(`${this.base}/${encodeURIComponent(file.id)}`, {
        headers: await this.headers(),
      });
      const body = response.ok ? parseJson(await response.text()) : undefined;
      const url = asText(body?.presignedUrl);
      if (url === "") throw new Error("no address");
      return new URL(url, window.location.href).href;
    } catch {
      this.store.notice("file-failed", file.name);
      return null;
    }
  }

  async remove(file: SharedFile): Promise<void> {
    const seat = this.seat();
    const to = seat?.components?.["file-sharing"];
    if (!seat || !to) return;
    const isDeleted = await this.delete(file).catch(() => false);
    // The bytes could not be reached: at least nobody is shown the file any more.
    if (!isDeleted) seat.connection.send(buildComponentMessage(to, buildFileRemoved(file.id)));
    // The component tells all others.
    this.store.dispatch({
      kind: "file",
      event: { kind: "removed", fileId: file.id },
      at: Date.now(),
    });
  }

  private async delete(file: SharedFile): Promise<boolean> {
    const response = await fetch(`${this.base}/${encodeURIComponent(file.id)}`, {
      method: "DELETE",
      headers: await this.headers(),
    });
    return response.ok;
  }

  private get base(): string {
    const { meetingId } = this.store.state.rules.room;
    return `${this.apiUrl}/sessions/${encodeURIComponent(meetingId)}/files`;
  }

  private announce(file: File, fileId: string): void {
    const seat = this.seat();
    const to = seat?.components?.["file-sharing"];
    if (!seat || !to) return;
    const { ownId, displayName } = this.store.state;
    const shared: SharedFile = {
      id: fileId,
      name: file.name,
      size: file.size,
      mediaType: file.type,
      from: ownId,
      fromName: displayName,
      at: Date.now(),
    };
    seat.connection.send(buildComponentMessage(to, buildFileAdded(shared)));
    // The component tells all others.
    this.store.dispatch({ kind: "file", event: { kind: "added", file: shared }, at: shared.at });
  }

  private async headers(): Promise<Record<string, string>> {
    return { Authorization: `Bearer ${await this.token()}` };
  }

  private async token(): Promise<string> {
    if (this.key && Date.now() < this.key.expiresAt - KEY_MARGIN_MS) return this.key.token;
    const seat = this.seat();
    if (!seat) throw new UploadError("failed");
    const key = parseKey(
      await seat.connection.request("get", this.domain, buildKeyRequest("file-sharing")),
    );
    if (!key) throw new UploadError("not-allowed");
    this.key = key;
    return key.token;
  }

  /** `fetch` does not tell how far an upload is. */
  private async send(id: string, file: File): Promise<string> {
    const token = await this.token();
    const form = new FormData();
    const { ownId } = this.store.state;
    const metadata = {
      conferenceFullName: this.seat()?.room ?? "",
      timestamp: Date.now(),
      fileId: id,
      fileName: file.name,
      fileSize: file.size,
      fileType: file.type,
      authorParticipantId: ownId,
    };
    form.append("metadata", JSON.stringify(metadata));
    form.append("file", file);
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      this.running.set(id, request);
      request.upload.onprogress = (event) =>
        this.store.dispatch({
          kind: "file",
          event: { kind: "upload-moved", id, sent: Math.min(event.loaded, file.size) },
          at: Date.now(),
        });
      request.onload = () => {
        if (request.status < 200 || request.status >= 300) {
          reject(new UploadError(PROBLEM_BY_STATUS[request.status] ?? "failed"));
          return;
        }
        resolve(asText(parseJson(request.responseText)?.fileId) || id);
      };
      request.onerror = () => reject(new UploadError("failed"));
      request.onabort = () => reject(new UploadError(null));
      request.open("POST", this.base);
      request.setRequestHeader("Authorization", `Bearer ${token}`);
      request.send(form);
    });
  }
}

/** `problem` null: the person stopped it. */
class UploadError extends Error {
  constructor(readonly problem: UploadProblem | null) {
    super(problem ?? "stopped");
    this.name = "UploadError";
  }
}
