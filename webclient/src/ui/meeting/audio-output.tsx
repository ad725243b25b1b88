/** What is heard: one element for each sound that comes in, on the chosen speaker. */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { devices, isAudioBlocked, localVersion, remoteTracks } from "../app";

export function AudioOutput(): JSX.Element {
  void localVersion.value;
  const { speaker } = devices().choice;
  return (
    <div hidden data-testid="audio-output">
      {[...remoteTracks.value]
        .filter(([, track]) => track.kind === "audio")
        .map(([source, track]) => (
          <Sound key={source} source={source} track={track} speaker={speaker} />
        ))}
    </div>
  );
}

function Sound(props: { source: string; track: MediaStreamTrack; speaker: string }): JSX.Element {
  const element = useRef<HTMLAudioElement>(null);
  useEffect(() => {
    const audio = element.current;
    if (!audio) return;
    audio.srcObject = new MediaStream([props.track]);
    play(audio);
  }, [props.track]);
  useEffect(() => {
    const audio = element.current;
    // A speaker that was unplugged: the browser keeps to its default.
    if (audio && "setSinkId" in audio) audio.setSinkId(props.speaker).catch(() => undefined);
  }, [props.speaker]);
  return <audio ref={element} autoplay data-source={props.source} />;
}

function play(audio: HTMLAudioElement): void {
  audio.play().catch((error: unknown) => {
    if (error instanceof DOMException && error.name === "NotAllowedError") {
      isAudioBlocked.value = true;
    }
  });
}

/** After a click the browser lets the sound through. */
export function resumeAudio(): void {
  isAudioBlocked.value = false;
  for (const audio of document.querySelectorAll<HTMLAudioElement>(
    "[data-testid=audio-output] audio",
  )) {
    play(audio);
  }
}
