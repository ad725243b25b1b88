/**
 * `external_api.js`: a meeting inside somebody else's page, with the constructor, commands, events
 * and getters of Jitsi's IFrame API as far as docs/embedding.md lists them.
 *
 * It runs in the embedding page, so it needs nothing of the meeting's page and changes nothing but
 * the element it is given.
 */
import { PARAMETERS } from "./overrides";
import {
  COMMANDS,
  type Command,
  type CommandMessage,
  EVENTS,
  type EventName,
  FRAME_ID,
  PARENT_ORIGIN,
  type Plain,
  readEvent,
} from "./wire";

type Listener = (data: { readonly [key: string]: Plain }) => void;

export interface ExternalApiOptions {
  readonly roomName: string;
  readonly parentNode?: Element;
  readonly width?: number | string;
  readonly height?: number | string;
  readonly jwt?: string;
  readonly lang?: string;
  readonly userInfo?: { readonly displayName?: string; readonly email?: string };
  readonly configOverwrite?: Readonly<Record<string, unknown>>;
  readonly interfaceConfigOverwrite?: Readonly<Record<string, unknown>>;
  readonly onload?: (event: Event) => void;
}

interface Known {
  displayName: string;
  role: string;
}

const PERMISSIONS = [
  "autoplay",
  "camera",
  "clipboard-write",
  "display-capture",
  "fullscreen",
  "microphone",
  "screen-wake-lock",
  "speaker-selection",
].join("; ");

let frames = 0;

function size(value: number | string | undefined): string {
  if (typeof value === "number") return `${value}px`;
  return typeof value === "string" && /^\d+(\.\d+)?(px|em|rem|%|vh|vw)$/.test(value)
    ? value
    : "100%";
}

/** `a.b` of an object that may be written as `{a: {b: 1}}` or as `{"a.b": 1}`. */
function at(object: unknown, path: string): unknown {
  const own = (from: unknown, key: string): unknown =>
    typeof from === "object" && from !== null && Object.hasOwn(from, key)
      ? (from as Record<string, unknown>)[key]
      : undefined;
  return own(object, path) ?? path.split(".").reduce(own, object);
}

/** The address of the meeting, with what counts of the options behind `#`. */
export function addressOf(domain: string, options: ExternalApiOptions, frame: string): URL {
  const url = new URL(`https://${domain}/${encodeURIComponent(options.roomName)}`);
  if (options.jwt) url.searchParams.set("jwt", options.jwt);
  const hash = new URLSearchParams({ [FRAME_ID]: frame, [PARENT_ORIGIN]: window.location.origin });
  for (const parameter of Object.values(PARAMETERS).flat()) {
    const [kind, ...rest] = parameter.split(".");
    const given =
      kind === "config"
        ? at(options.configOverwrite, rest.join("."))
        : kind === "userInfo"
          ? at(options.userInfo, rest.join("."))
          : options.lang;
    if (given !== undefined) hash.set(parameter, JSON.stringify(given));
  }
  url.hash = hash.toString();
  return url;
}

export class JitsiMeetExternalAPI {
  private readonly frame = String(frames++);
  private readonly origin: string;
  private readonly iframe: HTMLIFrameElement;
  private readonly listeners = new Map<string, Set<Listener>>();
  private readonly people = new Map<string, Known>();
  private ownId = "";
  private isReady = false;
  private waiting: CommandMessage[] = [];
  private readonly state = { audioMuted: true, videoMuted: true };

  constructor(domain: string, options: ExternalApiOptions) {
    const address = addressOf(domain, options, this.frame);
    this.origin = address.origin;
    const iframe = document.createElement("iframe");
    iframe.name = `tertulia-${this.frame}`;
    iframe.title = options.roomName;
    iframe.allow = PERMISSIONS;
    iframe.style.border = "0";
    iframe.style.width = size(options.width);
    iframe.style.height = size(options.height);
    if (options.onload) iframe.addEventListener("load", options.onload);
    iframe.src = address.href;
    this.iframe = iframe;
    window.addEventListener("message", this.heard);
    (options.parentNode ?? document.body).append(iframe);
  }

  executeCommand(name: string, ...args: Plain[]): void {
    const command = COMMANDS.find((each) => each === name);
    if (!command) {
      console.warn(`external_api: the command "${name}" is not supported`);
      return;
    }
    this.post({ tertulia: "command", frame: this.frame, name: command, args });
  }

  executeCommands(commands: Readonly<Record<string, Plain | readonly Plain[]>>): void {
    for (const [name, value] of Object.entries(commands)) {
      this.executeCommand(name, ...(Array.isArray(value) ? (value as Plain[]) : [value as Plain]));
    }
  }

  addListener(event: string, listener: Listener): this {
    if (!EVENTS.some((each) => each === event)) {
      console.warn(`external_api: the event "${event}" is not supported`);
    }
    const set = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, set.add(listener));
    return this;
  }

  removeListener(event: string, listener: Listener): this {
    this.listeners.get(event)?.delete(listener);
    return this;
  }

  on(event: string, listener: Listener): this {
    return this.addListener(event, listener);
  }

  off(event: string, listener: Listener): this {
    return this.removeListener(event, listener);
  }

  addEventListener(event: string, listener: Listener): void {
    this.addListener(event, listener);
  }

  addEventListeners(listeners: Readonly<Record<string, Listener>>): void {
    for (const [event, listener] of Object.entries(listeners)) this.addListener(event, listener);
  }

  removeEventListener(event: string): void {
    this.listeners.delete(event);
  }

  removeEventListeners(events: readonly string[]): void {
    for (const event of events) this.removeEventListener(event);
  }

  getNumberOfParticipants(): number {
    return this.people.size;
  }

  getParticipantsInfo(): { participantId: string; displayName: string; role: string }[] {
    return [...this.people].map(([participantId, known]) => ({ participantId, ...known }));
  }

  getDisplayName(id: string): string | undefined {
    return this.people.get(id)?.displayName;
  }

  isAudioMuted(): Promise<boolean> {
    return Promise.resolve(this.state.audioMuted);
  }

  isVideoMuted(): Promise<boolean> {
    return Promise.resolve(this.state.videoMuted);
  }

  getIFrame(): HTMLIFrameElement {
    return this.iframe;
  }

  getSupportedCommands(): readonly Command[] {
    return COMMANDS;
  }

  getSupportedEvents(): readonly EventName[] {
    return EVENTS;
  }

  dispose(): void {
    window.removeEventListener("message", this.heard);
    this.listeners.clear();
    this.iframe.remove();
  }

  private post(message: CommandMessage): void {
    // Before the meeting's page listens nobody would hear it.
    if (!this.isReady) this.waiting.push(message);
    else this.iframe.contentWindow?.postMessage(message, this.origin);
  }

  private readonly heard = (event: MessageEvent<unknown>): void => {
    if (event.source !== this.iframe.contentWindow || event.origin !== this.origin) return;
    const message = readEvent(event.data, this.frame);
    if (!message) return;
    if (message.name === "ready") {
      this.isReady = true;
      for (const each of this.waiting.splice(0)) this.post(each);
      return;
    }
    this.note(message.name, message.data);
    for (const listener of [...(this.listeners.get(message.name) ?? [])]) listener(message.data);
  };

  /** What the getters answer from. */
  private note(name: EventName, data: { readonly [key: string]: Plain }): void {
    const id = String(data.id ?? "");
    const known = this.people.get(id);
    switch (name) {
      case "videoConferenceJoined":
        this.people.clear();
        this.ownId = id;
        this.people.set(id, { displayName: String(data.displayName ?? ""), role: "participant" });
        break;
      case "videoConferenceLeft":
        this.people.clear();
        break;
      case "participantJoined":
        this.people.set(id, { displayName: String(data.displayName ?? ""), role: "participant" });
        break;
      case "participantLeft":
        if (id !== this.ownId) this.people.delete(id);
        break;
      case "participantRoleChanged":
        if (known) known.role = String(data.role);
        break;
      case "displayNameChange":
        if (known) known.displayName = String(data.displayname);
        break;
      case "audioMuteStatusChanged":
        this.state.audioMuted = data.muted === true;
        break;
      case "videoMuteStatusChanged":
        this.state.videoMuted = data.muted === true;
        break;
      default:
        break;
    }
  }
}

Object.assign(globalThis, { JitsiMeetExternalAPI });
