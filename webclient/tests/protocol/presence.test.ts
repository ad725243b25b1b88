import { describe, expect, test } from "vitest";
import {
  buildPresence,
  type OccupantPresence,
  type OwnPresence,
  parsePresence,
} from "../../src/protocol/presence";
import { child, serialize, text } from "../../src/protocol/xml";
import { parseXml } from "../parse-xml";

const OWN: OwnPresence = {
  displayName: "Ann <\"&'>",
  sources: {
    "a1b2c3d4-a0": { muted: true, videoType: "camera" },
    "a1b2c3d4-v1": { muted: false, videoType: "desktop" },
  },
  raisedHandAt: 1788253200000,
  codecs: ["vp8", "h264"],
  capsVer: "b64=",
  spotlight: null,
};

const ROOM = "demo@conference.meet.example";

test("joining has the MUC element, updates have not", () => {
  const join = buildPresence(`${ROOM}/a1b2c3d4`, OWN, { password: "" });
  expect(child(join, "x", "http://jabber.org/protocol/muc")).toBeDefined();
  expect(child(buildPresence(`${ROOM}/a1b2c3d4`, OWN, null), "x")).toBeUndefined();
});

test("SourceInfo says the type only of screens", () => {
  const presence = buildPresence(`${ROOM}/a1b2c3d4`, OWN, null);
  expect(JSON.parse(text(child(presence, "SourceInfo")))).toEqual({
    "a1b2c3d4-a0": { muted: true },
    "a1b2c3d4-v1": { muted: false, videoType: "desktop" },
  });
});

test("what one client tells, another one reads", () => {
  const sent = serialize(buildPresence("to", OWN, null)).replace(
    'to="to"',
    `from="${ROOM}/a1b2c3d4"`,
  );
  const read = parsePresence(parseXml(sent)) as OccupantPresence;
  expect(read).toMatchObject({
    kind: "available",
    nick: "a1b2c3d4",
    displayName: OWN.displayName,
    sources: OWN.sources,
    raisedHandAt: OWN.raisedHandAt,
    codecs: OWN.codecs,
  });
});

test("a hand that is down is said to be down", () => {
  const presence = buildPresence("to", { ...OWN, raisedHandAt: null }, null);
  expect(text(child(presence, "jitsi_participant_raisedHand"))).toBe("");
  expect(child(presence, "jitsi_participant_raisedHand")).toBeDefined();
});

describe("presences of the room", () => {
  test("the focus, with its real address and properties", () => {
    const presence = parsePresence(
      parseXml(`<presence from='${ROOM}/focus' to='me'>
        <conference-properties xmlns='http://jitsi.org/protocol/focus'><property key='bridge-count' value='1'/></conference-properties>
        <x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='owner' role='moderator' jid='focus@auth.meet.example/focus'/></x>
      </presence>`),
    );
    expect(presence).toMatchObject({
      nick: "focus",
      realJid: "focus@auth.meet.example/focus",
      conferenceProperties: { "bridge-count": "1" },
    });
  });

  test("oneself, by status 110", () => {
    const presence = parsePresence(
      parseXml(`<presence from='${ROOM}/aa'><SourceInfo>{}</SourceInfo>
        <x xmlns='http://jabber.org/protocol/muc#user'><item role='moderator'/><status code='100'/><status code='110'/></x></presence>`),
    );
    expect(presence).toMatchObject({ isSelf: true, role: "moderator" });
  });

  test("sources of somebody else are not believed", () => {
    const presence = parsePresence(
      parseXml(
        `<presence from='${ROOM}/aa'><SourceInfo>{"bb-v0":{"muted":false},"aa-v0":{"muted":false}}</SourceInfo></presence>`,
      ),
    ) as OccupantPresence;
    expect(Object.keys(presence.sources)).toEqual(["aa-v0"]);
  });

  test("a gateway without SourceInfo says its state the old way", () => {
    const presence = parsePresence(
      parseXml(
        `<presence from='${ROOM}/aa'><audiomuted>false</audiomuted><videomuted>true</videomuted></presence>`,
      ),
    ) as OccupantPresence;
    expect(presence.sources).toEqual({
      "aa-a0": { muted: false, videoType: "camera" },
      "aa-v0": { muted: true, videoType: "camera" },
    });
  });

  test("somebody leaves, or is removed by somebody", () => {
    expect(
      parsePresence(parseXml(`<presence type='unavailable' from='${ROOM}/aa'/>`)),
    ).toMatchObject({ kind: "gone", nick: "aa", kicked: false, destroyed: false });
    expect(
      parsePresence(
        parseXml(`<presence type='unavailable' from='${ROOM}/aa'><x xmlns='http://jabber.org/protocol/muc#user'>
          <item affiliation='none' role='none'><actor nick='bb'/><reason>why</reason></item><status code='307'/><status code='110'/></x></presence>`),
      ),
    ).toMatchObject({ kicked: true, isSelf: true, actor: "bb", reason: "why" });
  });

  test("a refused join names its condition", () => {
    expect(
      parsePresence(
        parseXml(
          `<presence type='error' from='${ROOM}/aa'><error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text>taken</text></error></presence>`,
        ),
      ),
    ).toMatchObject({ kind: "refused", condition: "conflict", text: "taken" });
  });

  test.each(["", "false", "0"])("a hand that is down: %j", (value) => {
    const presence = parsePresence(
      parseXml(
        `<presence from='${ROOM}/aa'><jitsi_participant_raisedHand>${value}</jitsi_participant_raisedHand></presence>`,
      ),
    ) as OccupantPresence;
    expect(presence.raisedHandAt).toBeNull();
  });
});
