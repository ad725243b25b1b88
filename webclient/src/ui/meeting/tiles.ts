/** From the state of the meeting to the tiles the page may show. */
import type { Conference, EndpointId, Participant, SourceName } from "../../conference/state";

export interface TileModel {
  /** The source's name: stable for as long as the person stays. */
  readonly id: SourceName;
  readonly endpoint: EndpointId;
  readonly name: string;
  readonly isLocal: boolean;
  readonly isScreen: boolean;
  readonly isAudioMuted: boolean;
  readonly isVideoMuted: boolean;
  readonly isSpeaking: boolean;
  readonly raisedHandAt: number | null;
  readonly isReachable: boolean;
  readonly isModerator: boolean;
}

function isMuted(participant: Participant, source: SourceName): boolean {
  return participant.sources[source]?.muted ?? true;
}

function tilesOf(participant: Participant, speaking: readonly EndpointId[]): TileModel[] {
  const { id } = participant;
  const base = {
    endpoint: id,
    name: participant.displayName,
    isLocal: false,
    isAudioMuted: isMuted(participant, `${id}-a0`),
    isSpeaking: speaking.includes(id),
    raisedHandAt: participant.raisedHandAt,
    isReachable: participant.isReachable,
    isModerator: participant.isModerator,
  };
  const screens = Object.entries(participant.sources)
    .filter(([, source]) => source.videoType === "desktop" && !source.muted)
    .map(([name]) => name);
  // Somebody may share with the only video source they have: then there is no camera beside it.
  const camera = `${id}-v0`;
  const tiles: TileModel[] = screens.map((name) => ({
    ...base,
    id: name,
    isScreen: true,
    isVideoMuted: false,
    isSpeaking: false,
    raisedHandAt: null,
  }));
  if (!screens.includes(camera)) {
    tiles.push({
      ...base,
      id: camera,
      isScreen: false,
      isVideoMuted: isMuted(participant, camera),
    });
  }
  return tiles;
}

/** In a stable order: people as they came, screens before the faces of their owners, oneself last. */
export function tilesFor(state: Conference): TileModel[] {
  const own = {
    endpoint: state.ownId,
    name: state.displayName,
    isLocal: true,
    isAudioMuted: state.local.microphone !== "on",
    isSpeaking: state.speaking.includes(state.ownId),
    isReachable: true,
    isModerator: state.isModerator,
  };
  return [
    ...state.participants.flatMap((participant) => tilesOf(participant, state.speaking)),
    ...(state.local.share === "on"
      ? [
          {
            ...own,
            id: `${state.ownId}-v1`,
            isScreen: true,
            isVideoMuted: false,
            isSpeaking: false,
            raisedHandAt: null,
          },
        ]
      : []),
    {
      ...own,
      id: `${state.ownId}-v0`,
      isScreen: false,
      isVideoMuted: state.local.camera !== "on",
      raisedHandAt:
        state.raisedHandAt === null ? null : (state.handStampedAt ?? state.raisedHandAt),
    },
  ];
}
