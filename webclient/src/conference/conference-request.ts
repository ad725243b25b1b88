/** Asking the focus for the conference, until it is ready (docs/protocols.md). */
import type { XmppConnection } from "../protocol/connection";
import {
  buildConferenceRequest,
  type ConferenceReply,
  parseConferenceReply,
} from "../protocol/focus";
import { StanzaError } from "../protocol/requests";
import { forgetLogin, loginSession } from "./login-session";
import { machineUid } from "./machine-uid";

const WAIT_MS = [1_000, 2_000, 4_000, 8_000] as const;
const ANSWER_WITHIN_MS = 60_000;
/** Whoever waits for the host asks again so often, plus jitter. */
const HOST_MS = 4_000;

/**
 * Returns the address of the focus once it is in the room, or null when `isWanted` said no.
 *
 * @param toldToWait is called each time the focus says "not yet"; `forHost`: only somebody with an
 *   account may open this room.
 * @throws StanzaError when it refuses.
 */
export async function requestConference(
  connection: XmppConnection,
  focus: string,
  room: string,
  token: string,
  isWanted: () => boolean,
  toldToWait: (forHost: boolean) => void,
): Promise<string | null> {
  for (let round = 0; isWanted(); round++) {
    const request = buildConferenceRequest(room, machineUid(), {
      token,
      sessionId: loginSession(),
    });
    let reply: ConferenceReply | undefined;
    try {
      reply = parseConferenceReply(
        await connection.request("set", focus, request, ANSWER_WITHIN_MS),
      );
    } catch (error) {
      // The login has ended: we are a guest again.
      if (isCondition(error, "not-acceptable") && loginSession() !== "") {
        forgetLogin();
        continue;
      }
      if (!isCondition(error, "not-authorized")) throw error;
      toldToWait(true);
      await pause(HOST_MS * (0.75 + Math.random() / 2));
      continue;
    }
    if (!reply) throw new StanzaError("bad-format", "");
    if (reply.ready) return reply.focusJid;
    toldToWait(false);
    await pause(WAIT_MS[Math.min(round, WAIT_MS.length - 1)]!);
  }
  return null;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function isCondition(error: unknown, condition: string): boolean {
  return error instanceof StanzaError && error.condition === condition;
}
