/** The page begins here. */
import { effect } from "@preact/signals";
import { render } from "preact";
import { bodyState, conference, meeting, page, route, site } from "./app";
import { App } from "./app-view";
import { startEmbedding } from "./embedding/parent";
import { startLanguage } from "./language";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/pages.css";
import "./styles/meeting.css";
import "./styles/panels.css";
import "./styles/people.css";
import "./styles/control.css";
import "./styles/view.css";
import "./styles/effects.css";
import "./styles/small-screens.css";

declare global {
  interface Window {
    /** For tests and for whoever looks for a fault; nothing in the page depends on it. */
    tertulia: {
      state(): unknown;
      peerConnections(): { bridge: RTCPeerConnection | null; p2p: RTCPeerConnection | null };
      readonly endpointId: string;
    };
  }
}

window.tertulia = {
  state: () => structuredClone(conference.peek()),
  peerConnections: () => meeting.peek()?.peerConnections ?? { bridge: null, p2p: null },
  get endpointId() {
    return conference.peek().ownId;
  },
};

/** The meeting and the way in: dark throughout, so that nothing flashes between them. */
const DARK_STATES = new Set([
  "connecting",
  "waiting",
  "asked",
  "knocking",
  "joined",
  "moving",
  "reconnecting",
]);

async function start(): Promise<void> {
  await startLanguage();
  effect(() => {
    document.body.dataset.state = bodyState.value;
    document.body.dataset.look = DARK_STATES.has(bodyState.value) ? "meeting" : "page";
  });
  effect(() => {
    const current = page.value;
    document.title =
      current.kind === "start" ? site.siteName : `${current.room} · ${site.siteName}`;
  });
  window.addEventListener("popstate", route);
  window.addEventListener("pagehide", () => meeting.peek()?.unload());
  // Brought back from the browser's cache: the seat in the room is gone, so begin again.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted && meeting.peek()) window.location.reload();
  });
  startEmbedding(window.location.hash);
  route();
  render(<App />, document.querySelector("#app")!);
}

void start();
