/**
 * One peer connection with the other side's description made from a plain model.
 *
 * The same class carries the session with the bridge and the one with a peer. After the first round
 * every change is made the same way, whoever offered first: the remote offer is written again from
 * the model and the browser answers it. Roles of ICE and DTLS stay as they were settled.
 */
import type { MediaKind, SourceName } from "../protocol/ids";
import { sourceName } from "../protocol/ids";
import type { Candidate, Content, Description, Transport } from "../protocol/jingle";
import {
  addLocal,
  addSources,
  isFeedbackSource,
  isSame,
  ownDirection,
  removeLocal,
  removeSources,
  type Section,
  type SessionModel,
} from "../protocol/sdp/model";
import { type LocalDescription, parseCandidateLine, readLocal } from "../protocol/sdp/read";
import { addLayers, type LayerSsrcs } from "../protocol/sdp/simulcast";
import { writeRemote } from "../protocol/sdp/write";
import type { IceServer } from "../protocol/services";
import type { MediaSource } from "../protocol/sources";
import { RemoteCandidates } from "./candidates";
import { FrameLeading, type FrameLeadingOptions, type LedConnection } from "./e2ee/frame-leading";
import type { Sending } from "./e2ee/sending-guard";
import { applyEncodings } from "./encodings";
import { type LocalSlot, slotKey } from "./local-slots";
import { ownContents, ownSources } from "./own-description";

export interface MediaSessionOptions extends FrameLeadingOptions {
  readonly simulcast: boolean;
  readonly iceServers: readonly IceServer[];
  /** Part of the stream names; distinguishes the two sessions one endpoint may have. */
  readonly label: string;
}

export interface MediaSessionEvents {
  tracksChanged(): void;
  connectionState(state: RTCPeerConnectionState): void;
  candidate(candidate: Candidate): void;
}

export interface RemoteReceiver {
  readonly source: MediaSource;
  readonly receiver: RTCRtpReceiver;
}

type Edit = (sections: readonly Section[]) => readonly Section[];

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
  private isClosed = false;
  private readonly frames: FrameLeading;
  private readonly led: LedConnection;
  private readonly candidates: RemoteCandidates;
  private pendingSections: Section[] = [];
  private readonly edits: Edit[] = [];
  private changing: Promise<void> | null = null;

  constructor(
    private readonly options: MediaSessionOptions,
    private readonly events: MediaSessionEvents,
  ) {
    this.frames = new FrameLeading(options);
    this.pc = new RTCPeerConnection({
      bundlePolicy: "max-bundle",
      rtcpMuxPolicy: "require",
      iceServers: options.iceServers.map((server) => ({ ...server })),
      ...(this.frames.isPossible ? { encodedInsertableStreams: true } : {}),
    } as RTCConfiguration);
    this.candidates = new RemoteCandidates(this.pc);
    this.led = {
      pc: this.pc,
      sendings: () => this.sendings(),
      released: () => void this.enqueue(() => this.applyTracks()),
    };
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
    this.frames.close();
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
      this.candidates.add(candidates);
      await this.flushCandidates();
      return this.local?.transport;
    });
  }

  addCandidates(candidates: readonly Candidate[]): Promise<void> {
    return this.enqueue(async () => {
      this.candidates.add(candidates);
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
      if (isSame(sections, this.model.sections)) {
        await this.applyTracks();
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
    return this.frames.canFollow;
  }

  /** Take up what the rule for frames says now, and who is blocked. */
  async followFrameRule(): Promise<void> {
    if (this.model) await this.change((sections) => [...sections]);
  }

  remoteReceivers(): RemoteReceiver[] {
    const transceivers = new Map(this.pc.getTransceivers().map((each) => [each.mid, each]));
    return (this.model?.sections ?? []).flatMap(({ mid, remote }) => {
      if (!remote || isFeedbackSource(remote)) return [];
      const receiver = transceivers.get(mid)?.receiver;
      return receiver ? [{ source: remote, receiver }] : [];
    });
  }

  /** My sources with the SSRCs the browser chose, as they are signalled. */
  localSources(): MediaSource[] {
    const { endpoint, label } = this.options;
    return ownSources(endpoint, label, this.model?.sections ?? this.pendingSections, this.local);
  }

  /** Contents of a session-initiate (named by mid) or session-accept. */
  localContents(names: (section: { mid: string; kind: MediaKind }) => string): Content[] {
    return ownContents(this.local, names);
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

  /** What comes while the browser is busy with the change before is negotiated in one go. */
  private change(edit: Edit): Promise<void> {
    this.edits.push(edit);
    if (this.edits.length > 1 && this.changing) return this.changing;
    this.changing = this.enqueue(async () => {
      const edits = this.edits.splice(0);
      if (!this.model) return;
      const sections = edits.reduce((all, each) => each(all), this.model.sections);
      this.model = { ...this.model, sections };
      await this.negotiate();
    });
    return this.changing;
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

  private sendings(): Sending[] {
    const transceivers = new Map(this.pc.getTransceivers().map((each) => [each.mid, each]));
    return (this.model?.sections ?? []).flatMap(({ mid, kind, local }): Sending[] => {
      const sender = transceivers.get(mid)?.sender;
      if (local === null || !sender) return [];
      const slot = { kind, index: local };
      return [{ mid, sender, slot, isWanted: this.trackToSend(slot)?.enabled === true }];
    });
  }

  private async give(sender: RTCRtpSender, slot: LocalSlot): Promise<void> {
    const track = this.frames.holds(sender) ? null : this.trackToSend(slot);
    // Each call waits for another thread, also when it changes nothing.
    if (sender.track !== track) await sender.replaceTrack(track);
  }

  private async applyTracks(): Promise<void> {
    for (const { sender, slot } of this.sendings()) await this.give(sender, slot);
  }

  private async negotiate(): Promise<void> {
    const model = this.frames.withoutBlocked(this.model!);
    await this.pc.setRemoteDescription({
      type: "offer",
      sdp: writeRemote(model, "offer", this.version++, this.frames.isOn),
    });
    this.frames.lead(this.led, model);
    await this.flushCandidates();
    for (const transceiver of this.pc.getTransceivers()) {
      const section = model.sections.find((each) => each.mid === transceiver.mid);
      if (!section) continue;
      const direction = ownDirection(section);
      if (transceiver.direction !== direction) transceiver.direction = direction;
      const { kind, local } = section;
      if (local !== null) await this.give(transceiver.sender, { kind, index: local });
      else if (transceiver.sender.track) await transceiver.sender.replaceTrack(null);
    }
    const answer = await this.pc.createAnswer();
    await this.pc.setLocalDescription({ type: "answer", sdp: this.munge(answer.sdp ?? "") });
    this.local = readLocal(this.pc.localDescription!.sdp);
    await this.applyEncodings();
    this.events.tracksChanged();
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

  private flushCandidates(): Promise<void> {
    return this.candidates.flush(this.model?.sections[0]?.mid ?? "0");
  }

  private async applyEncodings(): Promise<void> {
    for (const { sender, slot } of this.sendings()) {
      if (slot.kind !== "video") continue;
      const name = sourceName(this.options.endpoint, slot.kind, slot.index);
      const wanted = this.maxSendHeights[name] ?? Number.POSITIVE_INFINITY;
      await applyEncodings(sender, slot, wanted);
    }
  }
}
