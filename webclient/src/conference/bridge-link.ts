/** The bridge channel: a WebSocket that comes back by itself as long as the session lives. */
import { type BridgeMessage, parseBridgeMessage } from "../protocol/bridge-channel";

const FIRST_RETRY_MS = 500;
/** While there is no channel the bridge knows nothing of the layout: nobody waits long. */
const LAST_RETRY_MS = 4_000;

export class BridgeLink {
  private socket: WebSocket | null = null;
  private retryMs = FIRST_RETRY_MS;
  private timer = 0;
  private isClosed = false;

  constructor(
    private readonly url: string,
    private readonly onOpen: () => void,
    private readonly onMessage: (message: BridgeMessage) => void,
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
    this.retryMs = FIRST_RETRY_MS;
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
      this.retryMs = FIRST_RETRY_MS;
      this.onOpen();
    };
    socket.onmessage = ({ data }) => {
      const message = socket === this.socket ? parseBridgeMessage(data) : undefined;
      if (message) this.onMessage(message);
    };
    socket.onclose = () => {
      if (this.isClosed || socket !== this.socket) return;
      // Jitter: after a restart of the server not everybody comes at the same instant.
      this.timer = window.setTimeout(() => this.open(), this.retryMs * (0.75 + Math.random() / 2));
      this.retryMs = Math.min(this.retryMs * 2, LAST_RETRY_MS);
    };
  }
}
