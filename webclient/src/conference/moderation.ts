/** What moderators do to others and to the room, and being muted oneself. */
import { buildAllow, buildAskFirst, type ModeratedMedia } from "../protocol/av-moderation";
import { buildComponentMessage, type ComponentType } from "../protocol/components";
import { buildMute, type MuteKind } from "../protocol/focus";
import { bareOf, type EndpointId, FOCUS_NICK, resourceOf } from "../protocol/ids";
import { buildLowerHand } from "../protocol/messages";
import {
  type Affiliation,
  buildAffiliation,
  buildEndConference,
  buildKick,
  buildLobbyForm,
  buildOwnerFormRequest,
  buildPasswordForm,
  LOBBY_FIELD,
  PASSWORD_FIELD,
  parseOwnerForm,
} from "../protocol/room-admin";
import { buildMetadataChange, type Feature, type Level } from "../protocol/room-metadata";
import type { Xml } from "../protocol/xml";
import type { LocalMedia } from "./local-media";
import type { Seat, SeatAccess } from "./seat";
import type { Store } from "./store";

export class Moderation {
  private readonly wasMuted = new Set<MuteKind>();

  constructor(
    private readonly store: Store,
    private readonly localMedia: LocalMedia,
    private readonly seat: SeatAccess,
    /** Its doors are those of the whole meeting, wherever we are. */
    private readonly mainRoom: string,
  ) {}

  async mute(endpoint: EndpointId, kind: MuteKind): Promise<void> {
    const seat = this.seat();
    if (!seat) return;
    const order = buildMute(kind, `${seat.room}/${endpoint}`, true);
    await this.try(seat.connection.request("set", `${seat.room}/${FOCUS_NICK}`, order));
  }

  /** Everybody but ourselves, by one request: the server knows the room's own address for all. */
  async muteAll(kind: MuteKind): Promise<void> {
    const seat = this.seat();
    if (!seat) return;
    const order = buildMute(kind, seat.room, true);
    await this.try(seat.connection.request("set", `${seat.room}/${FOCUS_NICK}`, order));
  }

  async remove(endpoint: EndpointId, reason: string): Promise<void> {
    const seat = this.seat();
    if (!seat) return;
    await this.try(seat.connection.request("set", seat.room, buildKick(endpoint, reason)));
  }

  /** Remove for good: this person cannot come back into this meeting. */
  async ban(endpoint: EndpointId, reason: string): Promise<void> {
    const person = this.store.participant(endpoint);
    if (!person || !(await this.affiliate(endpoint, "outcast", reason))) return;
    const who = { jid: bareOf(person.realJid), name: person.displayName };
    this.store.dispatch({ kind: "banned", who });
  }

  /** It was a mistake, or is forgiven: this address may come again. */
  async liftBan(jid: string): Promise<void> {
    const seat = this.seat();
    if (!seat) return;
    const order = seat.connection.request("set", seat.room, buildAffiliation([jid], "none"));
    if (await this.try(order)) this.store.dispatch({ kind: "ban-lifted", jid });
  }

  async setModerator(endpoint: EndpointId, isModerator: boolean): Promise<void> {
    const otherwise = this.store.state.rules.room.isMembersOnly ? "member" : "none";
    await this.affiliate(endpoint, isModerator ? "owner" : otherwise);
  }

  lowerHand(endpoint: EndpointId): void {
    const seat = this.seat();
    if (seat?.isJoined) seat.connection.send(buildLowerHand(`${seat.room}/${endpoint}`));
  }

  /** From now on everybody but moderators asks before switching this on; or nobody does. */
  askFirst(media: ModeratedMedia, isOn: boolean): void {
    this.tell("av_moderation", buildAskFirst(media, isOn));
  }

  /** Let somebody switch this on; while nobody has to ask, it is an invitation to do so. */
  allow(endpoint: EndpointId, media: ModeratedMedia, isAllowed: boolean): void {
    const seat = this.seat();
    if (!seat) return;
    this.tell("av_moderation", buildAllow(media, `${seat.room}/${endpoint}`, isAllowed));
  }

  setStartMuted(startMuted: { audio: boolean; video: boolean }): void {
    this.setMetadata("startMuted", startMuted);
  }

  /** Say for whom a feature of the meeting is. */
  permit(feature: Feature, level: Level): void {
    this.setMetadata("permissions", { [feature]: level });
  }

  setPresenter(endpoint: EndpointId, isPresenter: boolean): void {
    this.setMetadata("presenters", { [endpoint]: isPresenter });
  }

  /** Write down from now on who is here from when to when; everybody sees that it is so. */
  setAttendance(isKept: boolean): void {
    this.setMetadata("attendance", isKept);
  }

  /** What was kept so far goes when nothing is kept any more. */
  setChatKept(isKept: boolean): void {
    this.setMetadata("chatRetention", isKept ? "meeting" : "none");
  }

  setCameraRequired(isRequired: boolean): void {
    this.setMetadata("cameraRequired", isRequired);
  }

  /** Whether groups talk freely while people have to ask in the main room. */
  setGroupsFree(areFree: boolean): void {
    this.setMetadata("breakoutsFree", areFree);
  }

  /** Empty takes it away. Resolves to false when the room said no. */
  async setPassword(password: string): Promise<boolean> {
    return this.configure(PASSWORD_FIELD, () =>
      buildPasswordForm(password, this.store.state.rules.room),
    );
  }

  async setLobby(isOn: boolean): Promise<boolean> {
    const { participants } = this.store.state;
    const seat = this.seat();
    const present = participants.map((each) => each.realJid).filter((jid) => jid !== "");
    // Whoever is here stays: members need not knock.
    if (isOn && seat && present.length > 0) {
      const members = participants.filter((each) => !each.isModerator && each.realJid !== "");
      const jids = members.map((each) => each.realJid);
      const order = buildAffiliation(jids, "member");
      if (jids.length > 0) await this.try(seat.connection.request("set", this.mainRoom, order));
    }
    return this.configure(LOBBY_FIELD, () => buildLobbyForm(isOn, this.store.state.rules.room));
  }

  /** The meeting is over for everybody. */
  endForAll(): void {
    this.tell("end_conference", buildEndConference());
  }

  /** A moderator has muted us: it is so, whatever was wanted. */
  mutedBy(kind: MuteKind, actor: string): void {
    const name = this.store.participant(resourceOf(actor))?.displayName ?? "";
    this.wasMuted.add(kind);
    if (kind === "audio") {
      void this.localMedia.set("microphone", false);
      this.store.notice("muted-by", name);
    } else if (kind === "video") {
      void this.localMedia.set("camera", false);
      this.store.notice("camera-off-by", name);
    } else {
      this.localMedia.stopShare();
      this.store.notice("share-stopped-by", name);
    }
  }

  /** Who was muted by the focus is muted at the bridge too, until it asks for its voice back. */
  lift(seat: Seat | null, kind: MuteKind): void {
    if (!seat?.isJoined || !this.wasMuted.has(kind)) return;
    this.wasMuted.delete(kind);
    const order = buildMute(kind, `${seat.room}/${seat.nick}`, false);
    seat.connection
      .request("set", `${seat.room}/${FOCUS_NICK}`, order)
      .catch(() => this.store.notice("action-refused"));
  }

  private async affiliate(endpoint: EndpointId, as: Affiliation, reason = ""): Promise<boolean> {
    const seat = this.seat();
    const jid = this.store.participant(endpoint)?.realJid;
    if (!seat || !jid) return false;
    const order = buildAffiliation([jid], as, reason);
    return this.try(seat.connection.request("set", seat.room, order));
  }

  private async configure(field: string, form: () => Xml): Promise<boolean> {
    const seat = this.seat();
    if (!seat) return false;
    const { connection } = seat;
    return this.try(
      connection.request("get", this.mainRoom, buildOwnerFormRequest()).then((offered) => {
        if (!parseOwnerForm(offered).has(field)) throw new Error("not supported");
        return connection.request("set", this.mainRoom, form());
      }),
    );
  }

  private setMetadata(key: string, data: unknown): void {
    const room = this.seat()?.room ?? "";
    this.tell("room_metadata", buildMetadataChange(room, key, data));
  }

  private tell(type: ComponentType, payload: Xml): void {
    const seat = this.seat();
    const to = seat?.components?.[type];
    if (seat && to) seat.connection.send(buildComponentMessage(to, payload));
    else this.store.notice("action-refused");
  }

  private async try(request: Promise<Xml>): Promise<boolean> {
    try {
      await request;
      return true;
    } catch {
      this.store.notice("action-refused");
      return false;
    }
  }
}
