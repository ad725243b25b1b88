/**
 * Proving an account (signalling notes 3.4): a second connection with user name and password, over
 * which the focus is asked once. It gives a session id, which the first connection then shows.
 */
import { Strophe } from "strophe.js";
import { buildConferenceRequest, parseConferenceReply } from "./focus";
import { NS } from "./ns";
import { fromDom, serialize, xml } from "./xml";

export interface LogIn {
  readonly url: string;
  readonly domain: string;
  readonly focus: string;
  readonly room: string;
  readonly machineUid: string;
  readonly user: string;
  readonly password: string;
}

export type LogInResult =
  | { kind: "in"; sessionId: string }
  /** User name or password is not right. */
  | { kind: "wrong" }
  | { kind: "unreachable" };

const WITHIN_MS = 20_000;

/** The account's address: a bare user name belongs to this site. */
function addressOf({ user, domain }: LogIn): string {
  return user.includes("@") ? user : `${user}@${domain}`;
}

export function logIn(wish: LogIn): Promise<LogInResult> {
  return new Promise((resolve) => {
    const connection = new Strophe.Connection(wish.url);
    let isDone = false;
    const done = (result: LogInResult): void => {
      // Closing the connection is told here too.
      if (isDone) return;
      isDone = true;
      window.clearTimeout(timer);
      resolve(result);
      connection.disconnect("done");
    };
    const timer = window.setTimeout(() => done({ kind: "unreachable" }), WITHIN_MS);
    const ask = (): void => {
      const { room, machineUid, focus } = wish;
      const request = xml(
        "iq",
        { xmlns: NS.client, type: "set", to: focus, id: "log-in" },
        buildConferenceRequest(room, machineUid),
      );
      const answered = (answer: Element): boolean => {
        const reply = parseConferenceReply(fromDom(answer));
        if (reply?.sessionId) done({ kind: "in", sessionId: reply.sessionId });
        else done({ kind: "wrong" });
        return false;
      };
      connection.addHandler(answered, null, "iq", null, "log-in");
      connection.send(
        new DOMParser().parseFromString(serialize(request), "text/xml").documentElement,
      );
    };
    connection.connect(addressOf(wish), wish.password, (status: number) => {
      if (status === Strophe.Status.CONNECTED) ask();
      else if (status === Strophe.Status.AUTHFAIL) done({ kind: "wrong" });
      else if (status === Strophe.Status.CONNFAIL || status === Strophe.Status.DISCONNECTED) {
        done({ kind: "unreachable" });
      }
    });
  });
}
