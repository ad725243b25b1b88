import type { JSX } from "preact";
import { bodyState, page } from "./app";
import { MeetingPage } from "./meeting/meeting-page";
import { CheckPage } from "./pages/check";
import { EndedPage } from "./pages/ended";
import { EntryPage } from "./pages/entry";
import { StartPage } from "./pages/start";

export function App(): JSX.Element {
  const current = page.value;
  switch (current.kind) {
    case "start":
      return <StartPage />;
    case "check":
      return <CheckPage key={current.room} room={current.room} />;
    case "meeting":
      switch (bodyState.value) {
        case "connecting":
        case "waiting":
        case "asked":
        case "knocking":
          return <EntryPage room={current.room} />;
        case "joined":
        case "moving":
        case "reconnecting":
          return <MeetingPage room={current.room} />;
        default:
          return <EndedPage room={current.room} />;
      }
  }
}
