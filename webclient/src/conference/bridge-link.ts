/** The bridge channel: a WebSocket that comes back by itself as long as the session lives. */
import { type BridgeMessage, parseBridgeMessage } from "../protocol/bridge-channel";

const FIRST_RETRY_MS = 500;
/** While there is no channel the bridge knows nothing of the layout: nobody waits long. */
const SOON_MS = 4_000;
/** A bridge that has said no so often will not say yes by being asked more often. */
const LAST_RETRY_MS = 60_000;
/** That often in a row: some 25 s. */
const REFUSALS = 8;

export class BridgeLink {
  private socket: WebSocket | null = null;
  private failures = 0;
  private timer = 0;
  private isClosed = false;

  constructor(
    private readonly url: string,
    private readonly onOpen: () => void,
    private readonly onMessage: (message: BridgeMessage) => void,
    /** Refused again and again; it is asked for once a minute from now on. */
    private readonly onRefused: () => void = () => undefined,
  ) {
    this.open();
  }

  get isOpen(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  /** What is said while the channel is down is said again by whoever listens to `onOpen`. */
  send(message: string): void {
    if (this.isOpen) this.socket?.send(message);
  }

  /**
   * The server was out of reach and is back: begin anew at once. The socket of before is not
   * trusted even if it looks open: of a way that is gone a browser may hear nothing for minutes.
   */
  renew(): void {
    if (this.isClosed) return;
    this.failures = 0;
    const former = this.socket;
    this.open();
    former?.close(1000);
  }

  close(): void {
    this.isClosed = true;
    window.clearTimeout(this.timer);
    this.socket?.close(1000);
  }

  private open(): void {
    window.clearTimeout(this.timer);
    let socket: WebSocket;
    try {
      socket = new WebSocket(this.url);
    } catch {
      // An address the browser refuses stays refused.
      return;
    }
    this.socket = socket;
    socket.onopen = () => {
      if (socket !== this.socket) return;
      this.failures = 0;
      this.onOpen();
    };
    socket.onmessage = ({ data }) => {
      const message = socket === this.socket ? parseBridgeMessage(data) : undefined;
      if (message) this.onMessage(message);
    };
    socket.onclose = () => {
      if (this.isClosed || socket !== this.socket) return;
      const longest = this.failures < REFUSALS ? SOON_MS : LAST_RETRY_MS;
      const pause = Math.min(FIRST_RETRY_MS * 2 ** this.failures, longest);
      this.failures += 1;
      // Jitter: after a restart of the server not everybody comes at the same instant.
      this.timer = window.setTimeout(() => this.open(), pause * (0.75 + Math.random() / 2));
      if (this.failures === REFUSALS) this.onRefused();
    };
  }
}
