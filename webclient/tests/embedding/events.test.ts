import { expect, test } from "vitest";
import { apply, type Conference, initialConference } from "../../src/conference/state";
import { eventsBetween } from "../../src/ui/embedding/events";

const JOINED: Conference = {
  ...initialConference,
  phase: "joined",
  room: "plaza",
  ownId: "a1",
  displayName: "Ana",
};
const BEA = {
  id: "b1",
  realJid: "",
  displayName: "Bea",
  isModerator: false,
  sources: {},
  raisedHandAt: null,
  isReachable: true,
};

function names(before: Conference, after: Conference): string[] {
  return eventsBetween(before, after).map(({ name }) => name);
}

test("whoever joins is told about themselves and about those who are there", () => {
  // The room names the others before it says that we are in.
  const entering = { ...initialConference, participants: [BEA] };
  const told = eventsBetween(entering, { ...JOINED, participants: [BEA] });

  expect(told[0]).toEqual({
    name: "videoConferenceJoined",
    data: { roomName: "plaza", id: "a1", displayName: "Ana", breakoutRoom: false },
  });
  expect(told).toContainEqual({
    name: "participantJoined",
    data: { id: "b1", displayName: "Bea", formattedDisplayName: "Bea" },
  });
});

test("what others do is told once", () => {
  const before = { ...JOINED, participants: [BEA] };
  const after = apply(before, {
    kind: "endpoint-changed",
    at: 5,
    participant: {
      ...BEA,
      displayName: "Beatriz",
      isModerator: true,
      raisedHandAt: 4,
      sources: { "b1-v1": { muted: false, videoType: "desktop" } },
    },
  });

  expect(names(before, after)).toEqual([
    "participantRoleChanged",
    "displayNameChange",
    "raiseHandUpdated",
    "screenSharingStatusChanged",
  ]);
  expect(names(after, after)).toEqual([]);
  expect(names(after, { ...after, participants: [] })).toEqual(["participantLeft"]);
});

test("one's own devices, hand and name", () => {
  const after: Conference = {
    ...JOINED,
    displayName: "Ana María",
    raisedHandAt: 7,
    isModerator: true,
    local: { microphone: "on", camera: "on", share: "on", shareHasSound: false },
  };

  expect(eventsBetween(JOINED, after)).toEqual([
    { name: "audioMuteStatusChanged", data: { muted: false } },
    { name: "videoMuteStatusChanged", data: { muted: false } },
    { name: "screenSharingStatusChanged", data: { id: "a1", on: true, details: {} } },
    { name: "participantRoleChanged", data: { id: "a1", role: "moderator" } },
    { name: "displayNameChange", data: { id: "a1", displayname: "Ana María" } },
    { name: "raiseHandUpdated", data: { id: "a1", handRaised: 7 } },
  ]);
});

test.each([
  ["left", ["videoConferenceLeft", "readyToClose"]],
  ["removed", ["participantKickedOut", "videoConferenceLeft", "readyToClose"]],
  ["error", ["errorOccurred", "videoConferenceLeft", "readyToClose"]],
] as const)("the end, by %s", (phase, expected) => {
  expect(names(JOINED, { ...JOINED, phase })).toEqual(expected);
});

test("a password is asked for", () => {
  const asked: Conference = { ...initialConference, phase: "asked", question: "password" };
  expect(names(initialConference, asked)).toEqual(["passwordRequired"]);
});

test("a reconnection is no new meeting", () => {
  const lost: Conference = { ...JOINED, phase: "reconnecting" };
  expect(names(JOINED, lost)).toEqual([]);
  expect(names(lost, JOINED)).toEqual([]);
});
