/** The rooms of a meeting that works in groups, and where this participant is. */
import { type BreakoutPlan, type BreakoutRoom, NO_PLAN } from "../../protocol/breakouts";
import type { EndpointId } from "../../protocol/ids";

export interface Breakouts {
  /** Everything the server tells. */
  readonly plan: BreakoutPlan;
  /** Where we are, or are going: an address. Empty in the main room. */
  readonly here: string;
  readonly hereName: string;
}

export const NO_BREAKOUTS: Breakouts = { plan: NO_PLAN, here: "", hereName: "" };

/** Groups: all rooms but the main one. */
export function groups(breakouts: Breakouts): BreakoutRoom[] {
  return breakouts.plan.rooms.filter((room) => !room.isMain);
}

export function mainRoom(breakouts: Breakouts): BreakoutRoom | undefined {
  return breakouts.plan.rooms.find((room) => room.isMain);
}

/** Whoever comes from another room of the meeting is no newcomer. */
export function isInMeeting(breakouts: Breakouts, id: EndpointId): boolean {
  return breakouts.plan.rooms.some((room) => room.people.some((person) => person.id === id));
}
