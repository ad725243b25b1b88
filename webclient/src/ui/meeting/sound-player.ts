/** Makes heard what happens in the meeting. */
import { useEffect } from "preact/hooks";
import { conference, devices } from "../app";
import { isHeard } from "../sound-settings";
import { play, soundsBetween } from "../sounds";

export function useSounds(): void {
  useEffect(() => {
    let before = conference.peek();
    return conference.subscribe((after) => {
      for (const sound of soundsBetween(before, after)) {
        if (isHeard(sound)) play(sound, devices().choice.speaker).catch(() => undefined);
      }
      before = after;
    });
  }, []);
}
