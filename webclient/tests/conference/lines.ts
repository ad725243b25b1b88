/** A line of chat for tests; say only what matters. */
import type { ChatEntry } from "../../src/conference/state";

export function line(given: Partial<ChatEntry>): ChatEntry {
  return {
    id: "m1",
    from: "bbbbbbbb",
    name: "Bea",
    body: "hi",
    at: 1,
    isOwn: false,
    isPrivate: false,
    partner: "",
    partnerName: "",
    replyTo: "",
    isEdited: false,
    isRetracted: false,
    isHistory: false,
    reactions: {},
    ...given,
  };
}
