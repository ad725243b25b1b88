/**
 * One peer connection with the other side's description made from a plain model.
 *
 * The same class carries the session with the bridge and the one with a peer. After the first round
 * every change is made the same way, whoever offered first: the remote offer is written again from
 * the model and the browser answers it. Roles of ICE and DTLS stay as they were settled.
 */
import type { EndpointId, MediaKind, SourceName } from "../protocol/ids";
import { sourceName } from "../protocol/ids";
import {
  type Candidate,
  type Content,
  type Description,
  sendersOf,
  type Transport,
} from "../protocol/jingle";
import {
  addLocal,
  addSources,
  isFeedbackSource,
  removeLocal,
  removeSources,
  type Section,
  type SessionModel,
} from "../protocol/sdp/model";
import { type LocalDescription, parseCandidateLine, readLocal } from "../protocol/sdp/read";
import { addLayers, type LayerSsrcs } from "../protocol/sdp/simulcast";
import { candidateLine, writeRemote } from "../protocol/sdp/write";
import type { IceServer } from "../protocol/services";
import type { MediaSource } from "../protocol/sources";
import type { FrameRule } from "./e2ee/door";

export interface LocalSlot {
  readonly kind: MediaKind;
  /** 0 = microphone or camera, 1 = the screen and its sound. */
  readonly index: number;
}

export interface MediaSessionOptions {
  readonly endpoint: EndpointId;
  readonly simulcast: boolean;
  readonly iceServers: readonly IceServer[];
  /** Part of the stream names; distinguishes the two sessions one endpoint may have. */
  readonly label: string;
  /** How frames are led, if anywhere else than straight to the network. */
  readonly frames?: () => FrameRule | null;
  /** Whose media could only be noise here: it is not even received. */
  readonly isBlocked?: (owner: EndpointId) => boolean;
}

export interface MediaSessionEvents {
  tracksChanged(): void;
  connectionState(state: RTCPeerConnectionState): void;
  candidate(candidate: Candidate): void;
}

export interface RemoteTrack {
  readonly source: MediaSource;
  readonly track: MediaStreamTrack;
}

/** Heights (shorter side) the three layers have when the camera gives 720 lines. */
const LAYER_HEIGHTS = [180, 360, 720] as const;
const LAYER_BITRATES_BPS = [200_000, 700_000, 2_500_000] as const;
const SCREEN_BITRATE_BPS = 2_500_000;
const P2P_CAMERA_BITRATE_BPS = 2_500_000;

function slotKey(slot: LocalSlot): string {
  return `${slot.kind}${slot.index}`;
}

export class MediaSession {
  readonly pc: RTCPeerConnection;
  private model: SessionModel | undefined;
  private local: LocalDescription | undefined;
  private readonly tracks = new Map<string, MediaStreamTrack | null>();
  private layers: LayerSsrcs | undefined;
  private isTransferring = true;
  private maxSendHeights: Record<SourceName, number> = {};
  private version = 1;
  private tail: Promise<unknown> = Promise.resolve();
  private early: Candidate[] = [];
  private isClosed = false;
  /**
   * The browser was told that this connection's frames are led elsewhere. Chromium lets nobody at the
   * frames of one that was not: what is attached to it later is simply passed by.
   */
  private readonly canLeadFrames: boolean;
  private blocked: readonly MediaSource[] = [];

  constructor(
    private readonly options: MediaSessionOptions,
    private readonly events: MediaSessionEvents,
  ) {
    this.canLeadFrames = (options.frames?.() ?? null) !== null;
    this.pc = new RTCPeerConnection({
      bundlePolicy: "max-bundle",
      rtcpMuxPolicy: "require",
      iceServers: options.iceServers.map((server) => ({ ...server })),
      ...(this.canLeadFrames ? { encodedInsertableStreams: true } : {}),
    } as RTCConfiguration);
    this.pc.onconnectionstatechange = () => {
      if (!this.isClosed) this.events.connectionState(this.pc.connectionState);
    };
    this.pc.onicecandidate = ({ candidate }) => {
      const parsed = candidate?.candidate ? parseCandidateLine(candidate.candidate) : undefined;
      if (parsed && !this.isClosed) this.events.candidate(parsed);
    };
  }

  close(): void {
    this.isClosed = true;
    this.pc.close();
  }

  /** Answer the other side's first offer. */
  answer(model: SessionModel): Promise<LocalDescription> {
    return this.enqueue(async () => {
      this.model = this.withSlots(model);
      await this.negotiate();
      return this.local!;
    });
  }

  /** Make the first offer ourselves (towards a peer). */
  offer(): Promise<LocalDescription> {
    return this.enqueue(async () => {
      const slots: LocalSlot[] = [
        { kind: "audio", index: 0 },
        { kind: "video", index: 0 },
        ...this.extraSlots(),
      ];
      for (const slot of slots) {
        const transceiver = this.pc.addTransceiver(slot.kind, {
          direction: slot.index === 0 ? "sendrecv" : "sendonly",
          streams: [new MediaStream()],
        });
        await transceiver.sender.replaceTrack(this.trackToSend(slot));
      }
      await this.pc.setLocalDescription(await this.pc.createOffer());
      this.local = readLocal(this.pc.localDescription!.sdp);
      this.pendingSections = this.local.sections.map((section, position) => ({
        mid: section.mid,
        kind: section.kind,
        local: slots[position]!.index,
        remote: null,
      }));
      return this.local;
    });
  }

  private pendingSections: Section[] = [];

  /** Take the answer to `offer()`: descriptions, transport and what the peer sends. */
  acceptAnswer(
    audio: Description,
    video: Description,
    transport: Transport,
    sources: readonly MediaSource[],
  ): Promise<void> {
    return this.enqueue(async () => {
      let sections = this.pendingSections;
      for (const kind of ["audio", "video"] as const) {
        const first = sources.find((source) => source.kind === kind);
        if (!first) continue;
        sections = sections.map((section) =>
          section.kind === kind && section.local === 0 ? { ...section, remote: first } : section,
        );
      }
      this.model = { audio, video, transport, sections };
      await this.pc.setRemoteDescription({
        type: "answer",
        sdp: writeRemote(this.model, "answer", this.version++),
      });
      await this.applyTracks(); // they may have changed since the offer
      await this.applyEncodings();
      await this.flushCandidates();
      const more = addSources(sections, sources);
      if (more.length !== sections.length) {
        this.model = { ...this.model, sections: more };
        await this.negotiate();
      }
      this.events.tracksChanged();
    });
  }

  addRemote(sources: readonly MediaSource[]): Promise<void> {
    return this.change((sections) => addSources(sections, sources));
  }

  removeRemote(names: readonly SourceName[]): Promise<void> {
    return this.change((sections) => removeSources(sections, names));
  }

  /**
   * Take new ICE credentials of the other side, and make new ones (an ICE restart in place). Its
   * candidates come last: given with the credentials they would end the path that is in use.
   */
  restartIce({ ufrag, pwd, candidates }: Transport): Promise<Transport | undefined> {
    return this.enqueue(async () => {
      if (!this.model) return undefined;
      this.model = {
        ...this.model,
        transport: { ...this.model.transport, ufrag, pwd, candidates: [] },
      };
      await this.negotiate();
      this.early.push(...candidates);
      await this.flushCandidates();
      return this.local?.transport;
    });
  }

  addCandidates(candidates: readonly Candidate[]): Promise<void> {
    return this.enqueue(async () => {
      this.early.push(...candidates);
      if (this.pc.remoteDescription) await this.flushCandidates();
    });
  }

  /**
   * Set what a slot sends; null keeps the source but sends nothing (muted). Slots other than 0 come
   * and go: the result says which sources are new and which are gone, to be told to the other side.
   */
  setTrack(
    slot: LocalSlot,
    track: MediaStreamTrack | null,
    isPresent = true,
  ): Promise<{ added: MediaSource[]; removed: MediaSource[] }> {
    return this.enqueue(async () => {
      const before = this.model ? this.localSources() : [];
      if (isPresent) this.tracks.set(slotKey(slot), track);
      else this.tracks.delete(slotKey(slot));
      if (!this.model) return { added: [], removed: [] };
      const sections = isPresent
        ? addLocal(this.model.sections, slot.kind, slot.index)
        : removeLocal(this.model.sections, slot.kind, slot.index);
      const same =
        sections.length === this.model.sections.length &&
        sections.every((section, index) => section === this.model!.sections[index]);
      if (same) {
        await this.sender(slot)?.replaceTrack(this.trackToSend(slot));
        await this.applyEncodings();
        return { added: [], removed: [] };
      }
      this.model = { ...this.model, sections };
      await this.negotiate();
      const after = this.localSources();
      return {
        added: after.filter((each) => !before.some((other) => other.name === each.name)),
        removed: before.filter((each) => !after.some((other) => other.name === each.name)),
      };
    });
  }

  /** Stand by (false) or carry the media (true); the connection itself stays up. */
  setTransferring(transferring: boolean): Promise<void> {
    return this.enqueue(async () => {
      if (this.isTransferring === transferring) return;
      this.isTransferring = transferring;
      await this.applyTracks();
      await this.applyEncodings();
    });
  }

  /** The largest height anybody wants of a source of ours; 0 stops it. */
  constrainSource(name: SourceName, maxHeight: number): Promise<void> {
    return this.enqueue(async () => {
      this.maxSendHeights = { ...this.maxSendHeights, [name]: maxHeight };
      await this.applyEncodings();
    });
  }

  /** Whether this connection can do what the rule for frames says now; a new one can. */
  get canFollowFrameRule(): boolean {
    if (this.canLeadFrames) return true;
    // Chromium shows nothing of a stream that it stopped receiving and is to receive again.
    return !this.options.frames?.()?.isOn && this.blocked.every((source) => this.isBlocked(source));
  }

  /** Take up what the rule for frames says now, and who is blocked. */
  async followFrameRule(): Promise<void> {
    if (this.model) await this.change((sections) => [...sections]);
  }

  remoteTracks(): RemoteTrack[] {
    const transceivers = this.pc.getTransceivers();
    return (this.model?.sections ?? []).flatMap((section) => {
      if (!section.remote || isFeedbackSource(section.remote)) return [];
      const transceiver = transceivers.find((each) => each.mid === section.mid);
      return transceiver ? [{ source: section.remote, track: transceiver.receiver.track }] : [];
    });
  }

  remoteReceivers(): { source: MediaSource; receiver: RTCRtpReceiver }[] {
    const transceivers = this.pc.getTransceivers();
    return (this.model?.sections ?? []).flatMap((section) => {
      if (!section.remote || isFeedbackSource(section.remote)) return [];
      const transceiver = transceivers.find((each) => each.mid === section.mid);
      return transceiver ? [{ source: section.remote, receiver: transceiver.receiver }] : [];
    });
  }

  /** My sources with the SSRCs the browser chose, as they are signalled. */
  localSources(): MediaSource[] {
    const { endpoint, label } = this.options;
    const sections = this.model?.sections ?? this.pendingSections;
    return sections.flatMap((section): MediaSource[] => {
      if (section.local === null) return [];
      const described = this.local?.sections.find((each) => each.mid === section.mid);
      if (!described || described.ssrcs.length === 0) return [];
      const name = sourceName(endpoint, section.kind, section.local);
      return [
        {
          name,
          owner: endpoint,
          kind: section.kind,
          videoType: section.kind === "video" && section.local > 0 ? "desktop" : "camera",
          msid: `${endpoint}-${section.kind}-${section.local}-${label} ${name}-${label}`,
          ssrcs: described.ssrcs,
          groups: described.groups,
        },
      ];
    });
  }

  /** Contents of a session-initiate (named by mid) or session-accept. */
  localContents(names: (section: { mid: string; kind: MediaKind }) => string): Content[] {
    const seen = new Set<string>();
    return (this.local?.sections ?? []).flatMap((section): Content[] => {
      const name = names(section);
      if (seen.has(name)) return [];
      seen.add(name);
      return [
        {
          name,
          kind: section.kind,
          senders: sendersOf(section.direction),
          description: section.description,
          transport: this.local!.transport,
        },
      ];
    });
  }

  /** Which source an SSRC belongs to, for statistics. */
  sourceOfSsrc(ssrc: number): MediaSource | undefined {
    const remote = (this.model?.sections ?? []).flatMap((section) => section.remote ?? []);
    return [...this.localSources(), ...remote].find((source) => source.ssrcs.includes(ssrc));
  }

  private enqueue<T>(task: () => Promise<T>): Promise<T> {
    const run = this.tail.then(() => {
      if (this.isClosed) return new Promise<T>(() => undefined);
      return task();
    });
    this.tail = run.catch(() => undefined);
    return run;
  }

  private change(edit: (sections: readonly Section[]) => Section[]): Promise<void> {
    return this.enqueue(async () => {
      if (!this.model) return;
      this.model = { ...this.model, sections: edit(this.model.sections) };
      await this.negotiate();
    });
  }

  private extraSlots(): LocalSlot[] {
    return (["audio", "video"] as const)
      .filter((kind) => this.tracks.has(slotKey({ kind, index: 1 })))
      .map((kind) => ({ kind, index: 1 }));
  }

  private withSlots(model: SessionModel): SessionModel {
    let { sections } = model;
    for (const { kind, index } of this.extraSlots()) {
      sections = addLocal(sections, kind, index);
    }
    return { ...model, sections };
  }

  private trackToSend(slot: LocalSlot): MediaStreamTrack | null {
    return this.isTransferring ? (this.tracks.get(slotKey(slot)) ?? null) : null;
  }

  private sender(slot: LocalSlot): RTCRtpSender | undefined {
    const section = this.model?.sections.find(
      (each) => each.kind === slot.kind && each.local === slot.index,
    );
    return this.pc.getTransceivers().find((each) => each.mid === section?.mid)?.sender;
  }

  private async applyTracks(): Promise<void> {
    for (const section of this.model?.sections ?? []) {
      if (section.local === null) continue;
      const slot = { kind: section.kind, index: section.local };
      await this.sender(slot)?.replaceTrack(this.trackToSend(slot));
    }
  }

  private async negotiate(): Promise<void> {
    const model = this.withoutBlocked(this.model!);
    await this.pc.setRemoteDescription({
      type: "offer",
      sdp: writeRemote(model, "offer", this.version++, this.options.frames?.()?.isOn === true),
    });
    this.leadFrames(model);
    await this.flushCandidates();
    for (const transceiver of this.pc.getTransceivers()) {
      const section = model.sections.find((each) => each.mid === transceiver.mid);
      if (!section) continue;
      const sends = section.local !== null;
      const direction = sends
        ? section.remote
          ? "sendrecv"
          : "sendonly"
        : section.remote
          ? "recvonly"
          : "inactive";
      if (transceiver.direction !== direction) transceiver.direction = direction;
      await transceiver.sender.replaceTrack(
        section.local === null
          ? null
          : this.trackToSend({ kind: section.kind, index: section.local }),
      );
    }
    const answer = await this.pc.createAnswer();
    await this.pc.setLocalDescription({ type: "answer", sdp: this.munge(answer.sdp ?? "") });
    this.local = readLocal(this.pc.localDescription!.sdp);
    await this.applyEncodings();
    this.events.tracksChanged();
  }

  private isBlocked(source: MediaSource): boolean {
    return !this.canLeadFrames && this.options.isBlocked?.(source.owner) === true;
  }

  private withoutBlocked(model: SessionModel): SessionModel {
    const sections = model.sections.map((section) =>
      section.remote && this.isBlocked(section.remote) ? { ...section, remote: null } : section,
    );
    this.blocked = model.sections
      .flatMap(({ remote }) => remote ?? [])
      .filter((source) => this.isBlocked(source) || this.blocked.includes(source));
    return { ...model, sections };
  }

  /** Before anything is sent or decoded: no frame may slip past. */
  private leadFrames({ sections }: SessionModel): void {
    const rule = this.options.frames?.() ?? null;
    if (!rule || !this.canLeadFrames) return;
    for (const { mid, sender, receiver } of this.pc.getTransceivers()) {
      const section = sections.find((each) => each.mid === mid);
      if (!section) continue;
      rule.pipes.sender(sender, section.kind, this.options.endpoint);
      rule.pipes.receiver(receiver, section.kind, section.remote?.owner ?? "");
    }
  }

  private munge(sdp: string): string {
    const camera = this.model?.sections.find(
      (section) => section.kind === "video" && section.local === 0,
    );
    if (!this.options.simulcast || !camera) return sdp;
    const munged = addLayers(sdp, camera.mid, this.layers);
    this.layers = munged.layers;
    return munged.sdp;
  }

  private async flushCandidates(): Promise<void> {
    const waiting = this.early;
    this.early = [];
    const mid = this.model?.sections[0]?.mid ?? "0";
    for (const candidate of waiting) {
      // A candidate the browser cannot use (a name it cannot resolve) harms nobody.
      await this.pc
        .addIceCandidate({ candidate: candidateLine(candidate), sdpMid: mid, sdpMLineIndex: 0 })
        .catch(() => undefined);
    }
  }

  private async applyEncodings(): Promise<void> {
    for (const section of this.model?.sections ?? []) {
      if (section.kind !== "video" || section.local === null) continue;
      const sender = this.sender({ kind: section.kind, index: section.local });
      if (!sender) continue;
      const parameters = sender.getParameters();
      if (!parameters.encodings || parameters.encodings.length === 0) continue;
      const name = sourceName(this.options.endpoint, section.kind, section.local);
      const wanted = this.maxSendHeights[name] ?? Number.POSITIVE_INFINITY;
      const count = parameters.encodings.length;
      parameters.encodings.forEach((encoding, layer) => {
        if (section.local !== 0) {
          encoding.maxBitrate = SCREEN_BITRATE_BPS;
          encoding.active = wanted !== 0;
        } else if (count === LAYER_HEIGHTS.length) {
          encoding.scaleResolutionDownBy = 2 ** (count - 1 - layer);
          encoding.maxBitrate = LAYER_BITRATES_BPS[layer]!;
          encoding.active = isLayerWanted(layer, wanted);
        } else {
          encoding.maxBitrate = P2P_CAMERA_BITRATE_BPS;
          encoding.active = wanted !== 0;
        }
      });
      parameters.degradationPreference =
        section.local === 0 ? "maintain-framerate" : "maintain-resolution";
      // The sender may be gone by the time the browser looks at it.
      await sender.setParameters(parameters).catch(() => undefined);
    }
  }
}

/** A layer is sent when somebody wants more than the layer below gives; -1 wants all there is. */
export function isLayerWanted(layer: number, maxHeight: number): boolean {
  if (maxHeight < 0) return true;
  const below = layer === 0 ? 0 : (LAYER_HEIGHTS[layer - 1] ?? 0);
  return maxHeight > below;
}
