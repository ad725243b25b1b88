/** The session with the only other person: Jingle between two occupants, with trickled candidates. */
import type { XmppConnection } from "../protocol/connection";
import type { EndpointId } from "../protocol/ids";
import {
  buildContent,
  buildGroup,
  buildJingle,
  buildReason,
  buildSourceContents,
  buildTransport,
  type Candidate,
  type Jingle,
} from "../protocol/jingle";
import { addSources, type Section } from "../protocol/sdp/model";
import type { IceServer } from "../protocol/services";
import type { MediaSource } from "../protocol/sources";
import { type Xml, xml } from "../protocol/xml";
import type { LocalSlot } from "./local-slots";
import { MediaSession } from "./media-session";

/** Candidates found within this time travel in one stanza. */
const CANDIDATE_BATCH_MS = 150;

export interface P2pContext {
  readonly connection: XmppConnection;
  readonly endpoint: EndpointId;
  readonly ownOccupantJid: string;
  readonly peer: EndpointId;
  readonly peerOccupantJid: string;
  readonly iceServers: readonly IceServer[];
}

export interface P2pEvents {
  tracksChanged(): void;
  connectionState(state: RTCPeerConnectionState): void;
  /** The peer refused, or did not understand. */
  ended(): void;
}

export class P2pSession {
  readonly media: MediaSession;
  private readonly initiator: string;
  private readonly responder: string;
  private found: Candidate[] = [];
  private timer = 0;
  private isEstablished = false;
  private isClosed = false;

  constructor(
    private readonly context: P2pContext,
    readonly sid: string,
    readonly isInitiator: boolean,
    private readonly events: P2pEvents,
  ) {
    const { ownOccupantJid, peerOccupantJid } = context;
    this.initiator = isInitiator ? ownOccupantJid : peerOccupantJid;
    this.responder = isInitiator ? peerOccupantJid : ownOccupantJid;
    this.media = new MediaSession(
      { endpoint: context.endpoint, simulcast: false, label: "p", iceServers: context.iceServers },
      {
        tracksChanged: () => events.tracksChanged(),
        connectionState: (state) => events.connectionState(state),
        candidate: (candidate) => this.gather(candidate),
      },
    );
  }

  get peer(): EndpointId {
    return this.context.peer;
  }

  async initiate(): Promise<void> {
    await this.media.offer();
    if (this.isClosed) return;
    await this.dialogue("session-initiate", this.describe("initiator"));
    this.isEstablished = true;
    this.sendCandidates();
  }

  /** The peer's session-initiate: contents are named by the section numbers of its side. */
  async answer(offer: Jingle): Promise<void> {
    const media = descriptions(offer);
    if (!media) {
      this.terminate("failed-application");
      return;
    }
    const sections = offer.contents
      .filter((content) => content.kind === "audio" || content.kind === "video")
      .reduce<Section[]>((list, content) => {
        const kind = content.kind as Section["kind"];
        const isFirst = !list.some((section) => section.kind === kind);
        list.push({ mid: content.name, kind, local: isFirst ? 0 : null, remote: null });
        return list;
      }, []);
    await this.media.answer({
      ...media,
      sections: withRemote(sections, offer.sources),
    });
    await this.media.addCandidates(
      offer.contents.flatMap((each) => each.transport?.candidates ?? []),
    );
    if (this.isClosed) return;
    await this.dialogue("session-accept", this.describe("responder"));
    this.isEstablished = true;
    this.sendCandidates();
  }

  /** A stanza of this session. */
  async received(jingle: Jingle): Promise<void> {
    switch (jingle.action) {
      case "session-accept": {
        const media = descriptions(jingle);
        if (!media) {
          this.terminate("failed-application");
          this.events.ended();
          return;
        }
        await this.media.acceptAnswer(media.audio, media.video, media.transport, jingle.sources);
        await this.media.addCandidates(
          jingle.contents.flatMap((each) => each.transport?.candidates ?? []),
        );
        break;
      }
      case "transport-info":
        await this.media.addCandidates(
          jingle.contents.flatMap((each) => each.transport?.candidates ?? []),
        );
        break;
      case "source-add":
        await this.media.addRemote(jingle.sources);
        break;
      case "source-remove":
        await this.media.removeRemote(jingle.sources.map((source) => source.name));
        break;
      case "session-terminate":
        this.close();
        this.events.ended();
        break;
      default:
        // content-modify asks for less video; what is sent adapts by itself.
        break;
    }
  }

  async setTrack(slot: LocalSlot, track: MediaStreamTrack | null, isPresent = true): Promise<void> {
    const { added, removed } = await this.media.setTrack(slot, track, isPresent);
    if (!this.isEstablished || this.isClosed) return;
    const creator = this.isInitiator ? "initiator" : "responder";
    if (removed.length > 0) {
      await this.dialogue("source-remove", buildSourceContents(removed, creator));
    }
    if (added.length > 0) await this.dialogue("source-add", buildSourceContents(added, creator));
  }

  terminate(condition: string, words = ""): void {
    if (this.isClosed) return;
    // The peer may have left already; its answer changes nothing.
    this.dialogue("session-terminate", [buildReason(condition, words)]).catch(() => undefined);
    this.close();
  }

  close(): void {
    this.isClosed = true;
    window.clearTimeout(this.timer);
    this.media.close();
  }

  private describe(creator: "initiator" | "responder"): Xml[] {
    const contents = this.media.localContents(({ mid }) => mid);
    const sources = this.media.localSources();
    return [
      buildGroup(contents.map((content) => content.name)),
      ...contents.map((content, index) =>
        buildContent(creator, content, sourcesOfContent(contents, sources, index)),
      ),
    ];
  }

  private gather(candidate: Candidate): void {
    this.found.push(candidate);
    if (this.isEstablished) this.sendCandidates();
  }

  private sendCandidates(): void {
    if (this.timer !== 0 || this.found.length === 0 || this.isClosed) return;
    this.timer = window.setTimeout(() => {
      this.timer = 0;
      const candidates = this.found;
      this.found = [];
      const content = this.media.localContents(({ mid }) => mid)[0];
      if (!content?.transport || this.isClosed) return;
      this.dialogue("transport-info", [
        xml(
          "content",
          { creator: this.isInitiator ? "initiator" : "responder", name: content.name },
          buildTransport({ ...content.transport, candidates }),
        ),
      ]).catch(() => undefined);
    }, CANDIDATE_BATCH_MS);
  }

  private dialogue(
    action: Parameters<typeof buildJingle>[0],
    children: readonly Xml[],
  ): Promise<Xml> {
    return this.context.connection.request(
      "set",
      this.context.peerOccupantJid,
      buildJingle(
        action,
        { sid: this.sid, initiator: this.initiator, responder: this.responder },
        ...children,
      ),
    );
  }
}

/** Each content carries the sources of its kind in order: the first the first, and so on. */
function sourcesOfContent(
  contents: readonly { kind: string }[],
  sources: readonly MediaSource[],
  index: number,
): MediaSource[] {
  const kind = contents[index]!.kind;
  const position = contents.slice(0, index).filter((content) => content.kind === kind).length;
  const source = sources.filter((each) => each.kind === kind)[position];
  return source ? [source] : [];
}

function descriptions(jingle: Jingle) {
  const audio = jingle.contents.find((content) => content.kind === "audio");
  const video = jingle.contents.find((content) => content.kind === "video");
  const transport = audio?.transport ?? video?.transport;
  if (!audio?.description || !video?.description || !transport?.fingerprint) return undefined;
  return { audio: audio.description, video: video.description, transport };
}

/** Put the peer's sources into the sections it offered, in order; surplus gets new sections. */
function withRemote(sections: readonly Section[], sources: readonly MediaSource[]): Section[] {
  const rest = [...sources];
  const filled = sections.map((section) => {
    const index = rest.findIndex((source) => source.kind === section.kind);
    return index < 0 ? section : { ...section, remote: rest.splice(index, 1)[0]! };
  });
  return addSources(filled, rest);
}
