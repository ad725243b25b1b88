/** The bridge channel: a WebSocket that comes back by itself as long as the session lives. */
import { type BridgeMessage, parseBridgeMessage } from "../protocol/bridge-channel";

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;

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

  close(): void {
    this.isClosed = true;
    window.clearTimeout(this.timer);
    this.socket?.close(1000);
  }

  private open(): void {
    let socket: WebSocket;
    try {
      socket = new WebSocket(this.url);
    } catch {
      // An address the browser refuses stays refused.
      return;
    }
    this.socket = socket;
    socket.onopen = () => {
      this.retryMs = FIRST_RETRY_MS;
      this.onOpen();
    };
    socket.onmessage = ({ data }) => {
      const message = parseBridgeMessage(data);
      if (message) this.onMessage(message);
    };
    socket.onclose = () => {
      if (this.isClosed) return;
      this.timer = window.setTimeout(() => this.open(), this.retryMs);
      this.retryMs = Math.min(this.retryMs * 2, LAST_RETRY_MS);
    };
  }
}
