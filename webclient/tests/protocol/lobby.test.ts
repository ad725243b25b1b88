import { describe, expect, test } from "vitest";
import {
  buildAdmit,
  buildLobbyChat,
  parseInvitation,
  parseLobbyChat,
  parseLobbyNotice,
} from "../../src/protocol/lobby";
import { parsePresence } from "../../src/protocol/presence";
import {
  buildAffiliation,
  buildLobbyForm,
  buildPasswordForm,
  parseOwnerForm,
} from "../../src/protocol/room-admin";
import { isConfigChange, parseRoomInfo } from "../../src/protocol/room-info";
import { serialize } from "../../src/protocol/xml";
import { parseXml } from "../parse-xml";

const ROOM = "demo@conference.meet.example";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

function refusal(error: string): ReturnType<typeof parsePresence> {
  return parsePresence(
    parseXml(
      `<presence type='error' from='${ROOM}/aa'><error type='auth'>${error}</error></presence>`,
    ),
  );
}

describe("the way in", () => {
  test("leads through a lobby", () => {
    expect(
      refusal(
        `<registration-required xmlns='${STANZAS}'/><lobbyroom xmlns='http://jitsi.org/jitmeet'>demo@lobby.meet.example</lobbyroom>`,
      ),
    ).toMatchObject({
      condition: "registration-required",
      lobby: "demo@lobby.meet.example",
      waitsForHost: false,
    });
  });

  test("opens by itself when the host comes", () => {
    expect(
      refusal(
        `<waiting-for-host xmlns='http://jitsi.org/jitmeet'/><registration-required xmlns='${STANZAS}'/><lobbyroom xmlns='http://jitsi.org/jitmeet'>demo@lobby.meet.example</lobbyroom>`,
      ),
    ).toMatchObject({ condition: "registration-required", waitsForHost: true });
  });

  test("needs a name", () => {
    expect(
      refusal(
        `<not-acceptable xmlns='${STANZAS}'/><displayname-required xmlns='http://jitsi.org/jitmeet' lobby='true'/>`,
      ),
    ).toMatchObject({ needsName: true, condition: "not-acceptable" });
  });

  test("is open: an invitation, with the password if there is one", () => {
    expect(
      parseInvitation(
        parseXml(`<message from='${ROOM}' to='x'><x xmlns='http://jabber.org/protocol/muc#user'>
          <invite from='${ROOM}/bb'><reason/></invite><password>s</password></x></message>`),
      ),
    ).toEqual({ room: ROOM, password: "s" });
    expect(serialize(buildAdmit(ROOM, ["a@x/1", "b@x/2"]))).toContain(
      '<invite to="a@x/1"/><invite to="b@x/2"/>',
    );
  });

  test("goes on in another room when this one ends for that", () => {
    expect(
      parsePresence(
        parseXml(`<presence type='unavailable' from='demo@lobby.meet.example/aa'>
          <x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='none'/>
          <destroy jid='${ROOM}'><reason>Lobby room closed.</reason></destroy><status code='110'/></x></presence>`),
      ),
    ).toMatchObject({ destroyed: true, continuesIn: ROOM, isSelf: true });
  });

  test("is closed for good to the banned", () => {
    expect(
      parsePresence(
        parseXml(`<presence type='unavailable' from='${ROOM}/aa'><x xmlns='http://jabber.org/protocol/muc#user'>
          <item affiliation='outcast' role='none'><actor nick='bb'/><reason>Noise</reason></item>
          <status code='301'/><status code='110'/></x></presence>`),
      ),
    ).toMatchObject({ kicked: true, banned: true, actor: "bb", reason: "Noise" });
  });
});

describe("the lobby", () => {
  test("has a chat of its own", () => {
    const sent = serialize(buildLobbyChat("demo@lobby.x/aa", "hello", true)).replace(
      'to="demo@lobby.x/aa"',
      'from="demo@lobby.x/bb"',
    );
    expect(parseLobbyChat(parseXml(sent))).toEqual({ from: "bb", body: "hello" });
  });

  test("is talked about in the room", () => {
    expect(
      parseLobbyNotice("aa", {
        type: "lobby-notify",
        event: "LOBBY-ACCESS-GRANTED",
        value: "demo@lobby.x/bb",
        name: "Bob",
      }),
    ).toEqual({ event: "LOBBY-ACCESS-GRANTED", actor: "aa", isOn: false, name: "Bob" });
    expect(parseLobbyNotice("aa", { type: "lobby-notify", event: "x" })).toBeUndefined();
  });
});

describe("the room", () => {
  const info = parseRoomInfo(
    parseXml(`<iq type='result'><query xmlns='http://jabber.org/protocol/disco#info'>
      <feature var='muc_passwordprotected'/><feature var='muc_membersonly'/>
      <x xmlns='jabber:x:data' type='result'>
      <field var='muc#roominfo_meetingId'><value>m-1</value></field>
      <field var='muc#roominfo_created_timestamp'><value>1788253200000</value></field>
      <field var='muc#roominfo_lobbyroom'><value>demo@lobby.meet.example</value></field></x></query></iq>`),
  )!;

  test("describes itself", () => {
    expect(info).toEqual({
      meetingId: "m-1",
      createdAt: 1788253200000,
      hasPassword: true,
      isMembersOnly: true,
      lobbyRoom: "demo@lobby.meet.example",
      isBreakout: false,
      mainRoom: "",
    });
  });

  test("says when its settings change", () => {
    expect(
      isConfigChange(
        parseXml(
          `<message from='${ROOM}'><x xmlns='http://jabber.org/protocol/muc#user'><status code='104'/></x></message>`,
        ),
      ),
    ).toBe(true);
  });

  test("a password leaves the lobby as it is, and the other way round", () => {
    expect(serialize(buildPasswordForm("s3", info))).toContain(
      '<field var="muc#roomconfig_membersonly"><value>true</value></field>',
    );
    expect(serialize(buildLobbyForm(false, info))).toContain(
      '<field var="muc#roomconfig_passwordprotectedroom"><value>1</value></field>',
    );
    expect(serialize(buildPasswordForm("", { ...info, isMembersOnly: false }))).not.toContain(
      "membersonly",
    );
  });

  test("offers what its owners may change", () => {
    const form = parseXml(`<iq type='result'><query xmlns='http://jabber.org/protocol/muc#owner'>
      <x xmlns='jabber:x:data' type='form'><field var='muc#roomconfig_roomsecret'/></x></query></iq>`);
    expect([...parseOwnerForm(form)]).toEqual(["muc#roomconfig_roomsecret"]);
  });

  test("changes people by their bare addresses", () => {
    expect(serialize(buildAffiliation(["a@x/1", "b@x/2"], "member"))).toContain(
      '<item affiliation="member" jid="a@x"/><item affiliation="member" jid="b@x"/>',
    );
  });
});
