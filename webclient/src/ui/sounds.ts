/** Short sounds for what happens, made here so that nothing has to be fetched; each can be silenced. */
import type { Conference } from "../conference/state";

export const SOUNDS = ["join", "leave", "hand", "chat", "knock"] as const;
export type Sound = (typeof SOUNDS)[number];

/** In a crowd somebody comes or goes all the time. */
const QUIET_FROM_PEOPLE = 12;

/** What is to be heard after a change; each at most once, however many came at a time. */
export function soundsBetween(before: Conference, after: Conference): readonly Sound[] {
  if (before.phase !== "joined" || after.phase !== "joined") return [];
  const news = after.notices.filter((notice) => notice.id >= before.nextId);
  const isCrowd = after.participants.length >= QUIET_FROM_PEOPLE;
  const happened: Readonly<Record<Sound, boolean>> = {
    join: !isCrowd && news.some((notice) => notice.kind === "joined"),
    leave: !isCrowd && news.some((notice) => notice.kind === "left"),
    hand: news.some((notice) => notice.kind === "hand-raised"),
    chat: hasNewLine(before, after),
    knock: after.lobby.waiting.some(
      (person) => !before.lobby.waiting.some((each) => each.id === person.id),
    ),
  };
  return SOUNDS.filter((sound) => happened[sound]);
}

function hasNewLine(before: Conference, after: Conference): boolean {
  const last = after.chat.at(-1);
  return (
    last !== undefined &&
    last !== before.chat.at(-1) &&
    !last.isOwn &&
    !last.isHistory &&
    !before.chat.some((line) => line.id === last.id)
  );
}

/** Hertz, one after the other; up is coming, down is going. */
const NOTES: Readonly<Record<Sound, readonly number[]>> = {
  join: [523.25, 659.25],
  leave: [659.25, 523.25],
  hand: [587.33, 587.33, 880],
  chat: [783.99],
  knock: [196, 196],
};
const NOTE_S = 0.11;
const LOUDNESS = 0.08;

let context: AudioContext | null = null;

/** Browsers keep it silent until the first click; a sound that comes late would only confuse. */
export async function play(sound: Sound, speaker: string): Promise<void> {
  context ??= new AudioContext();
  const output = context;
  if (output.state !== "running") await output.resume();
  const chooser = output as AudioContext & { setSinkId?: (id: string) => Promise<void> };
  // A speaker that was unplugged: the browser keeps to its default.
  await chooser.setSinkId?.(speaker).catch(() => undefined);
  NOTES[sound].forEach((frequency, index) => {
    const start = output.currentTime + 0.02 + index * NOTE_S;
    const tone = output.createOscillator();
    const loudness = output.createGain();
    tone.type = sound === "knock" ? "triangle" : "sine";
    tone.frequency.value = frequency;
    loudness.gain.setValueAtTime(0, start);
    loudness.gain.linearRampToValueAtTime(LOUDNESS, start + 0.01);
    loudness.gain.exponentialRampToValueAtTime(0.001, start + NOTE_S * 1.8);
    tone.connect(loudness).connect(output.destination);
    tone.start(start);
    tone.stop(start + NOTE_S * 2);
  });
}
