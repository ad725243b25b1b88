import { parse } from "sdp-transform";
import { describe, expect, test } from "vitest";
import { parseJingle } from "../../src/protocol/jingle";
import {
  addLocal,
  addSources,
  removeLocal,
  removeSources,
  type SessionModel,
  sectionsFor,
} from "../../src/protocol/sdp/model";
import { parseCandidateLine, readLocal } from "../../src/protocol/sdp/read";
import { addLayers } from "../../src/protocol/sdp/simulcast";
import { candidateLine, inPreferenceOrder, writeRemote } from "../../src/protocol/sdp/write";
import type { MediaSource } from "../../src/protocol/sources";
import { parseXml } from "../parse-xml";
import { OFFER } from "./offer";

const offer = parseJingle(parseXml(OFFER), "focus");
const model: SessionModel = {
  audio: offer.contents[0]!.description!,
  video: offer.contents[1]!.description!,
  transport: offer.contents[0]!.transport!,
  sections: sectionsFor(offer.sources),
};

function screen(owner: string): MediaSource {
  return {
    name: `${owner}-v1`,
    owner,
    kind: "video",
    videoType: "desktop",
    msid: `${owner}-video-1 t`,
    ssrcs: [71, 72],
    groups: [{ semantics: "FID", ssrcs: [71, 72] }],
  };
}

describe("sections", () => {
  test("begin with what I send, then one for each source of others", () => {
    expect(
      model.sections.map(({ mid, kind, local, remote }) => [mid, kind, local, remote?.name]),
    ).toEqual([
      ["0", "audio", 0, "jvb-a0"],
      ["1", "video", 0, "jvb-v0"],
      ["2", "video", null, "e5f60718-v0"],
      ["3", "audio", null, "e5f60718-a0"],
    ]);
  });

  test("keep their place when a source goes, and are used again", () => {
    const without = removeSources(model.sections, ["e5f60718-v0"]);
    expect(without).toHaveLength(4);
    const again = addSources(without, [screen("09abcdef")]);
    expect(again).toHaveLength(4);
    expect(again[2]).toMatchObject({ mid: "2", remote: { name: "09abcdef-v1" } });
  });

  test("make room for a screen of my own and give it back", () => {
    const sharing = addLocal(model.sections, "video", 1);
    expect(sharing[4]).toMatchObject({ mid: "4", kind: "video", local: 1, remote: null });
    expect(addLocal(sharing, "video", 1)).toEqual(sharing);
    expect(removeLocal(sharing, "video", 1)[4]).toMatchObject({ local: null, remote: null });
  });

  test("a source with new numbers keeps its section", () => {
    const renumbered = { ...screen("e5f60718"), name: "e5f60718-v0" };
    const sections = addSources(model.sections, [renumbered]);
    expect(sections).toHaveLength(4);
    expect(sections[2]?.remote?.ssrcs).toEqual([71, 72]);
  });
});

describe("the remote description", () => {
  const sdp = writeRemote(model, "offer", 1);
  const tree = parse(sdp);

  test("bundles every section and multiplexes RTCP", () => {
    expect(tree.groups).toEqual([{ type: "BUNDLE", mids: "0 1 2 3" }]);
    expect(tree.media.every((media) => media.rtcpMux === "rtcp-mux")).toBe(true);
  });

  test("has directions seen from the other side", () => {
    expect(tree.media.map((media) => media.direction)).toEqual([
      "sendrecv",
      "sendrecv",
      "sendonly",
      "sendonly",
    ]);
    const idle = writeRemote(
      { ...model, sections: removeSources(model.sections, ["e5f60718-v0"]) },
      "offer",
      2,
    );
    expect(parse(idle).media[2]).toMatchObject({ direction: "inactive" });
    expect(parse(idle).media[2]?.ssrcs ?? []).toEqual([]);
  });

  test("puts VP8 first and its retransmission after it", () => {
    expect(tree.media[1]?.payloads).toBe("100 96 107 99 41 42");
    expect(inPreferenceOrder(model.audio.payloadTypes).map((each) => each.name)).toEqual([
      "opus",
      "telephone-event",
    ]);
  });

  test("never negotiates the MID header extension", () => {
    expect(sdp).not.toContain("sdes:mid");
    expect(sdp).toContain("transport-wide-cc");
  });

  test("names streams by SSRC with msid and FID group", () => {
    expect(sdp).toContain("a=ssrc-group:FID 33 34");
    expect(sdp).toContain("a=ssrc:33 msid:e5f60718-video-0 t1");
  });

  test("is actpass as an offer, and what the peer said as an answer", () => {
    expect(tree.media[0]?.setup).toBe("actpass");
    expect(parse(writeRemote(model, "answer", 1)).media[0]?.setup).toBe("active");
  });
});

describe("candidates", () => {
  test("survive the way to the browser and back", () => {
    for (const candidate of model.transport.candidates) {
      expect(parseCandidateLine(candidateLine(candidate))).toEqual(candidate);
    }
    const reflexive = {
      ...model.transport.candidates[0]!,
      type: "srflx",
      relatedAddress: "10.0.0.7",
      relatedPort: 5000,
    };
    expect(parseCandidateLine(candidateLine(reflexive))).toEqual(reflexive);
  });

  test("nonsense is no candidate", () => {
    expect(parseCandidateLine("candidate:")).toBeUndefined();
  });
});

const ANSWER = [
  "v=0",
  "o=- 1 2 IN IP4 127.0.0.1",
  "s=-",
  "t=0 0",
  "a=group:BUNDLE 0 1",
  "a=extmap-allow-mixed",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111",
  "c=IN IP4 0.0.0.0",
  "a=ice-ufrag:Qx1z",
  "a=ice-pwd:secretsecretsecretsecret",
  "a=fingerprint:sha-256 12:34",
  "a=setup:active",
  "a=mid:0",
  "a=sendrecv",
  "a=rtcp-mux",
  "a=rtpmap:111 opus/48000/2",
  "a=fmtp:111 minptime=10;useinbandfec=1",
  "a=ssrc:5551 cname:c",
  "a=ssrc:5551 msid:- t",
  "m=video 9 UDP/TLS/RTP/SAVPF 100 96",
  "c=IN IP4 0.0.0.0",
  "a=ice-ufrag:Qx1z",
  "a=ice-pwd:secretsecretsecretsecret",
  "a=fingerprint:sha-256 12:34",
  "a=setup:active",
  "a=mid:1",
  "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
  "a=extmap:5 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
  "a=sendrecv",
  "a=rtcp-mux",
  "a=rtpmap:100 VP8/90000",
  "a=rtcp-fb:100 nack pli",
  "a=rtpmap:96 rtx/90000",
  "a=fmtp:96 apt=100",
  "a=ssrc-group:FID 61 62",
  "a=ssrc:61 cname:c",
  "a=ssrc:61 msid:- v",
  "a=ssrc:62 cname:c",
  "a=ssrc:62 msid:- v",
  "",
].join("\r\n");

describe("the browser's own description", () => {
  test("becomes transport, codecs and SSRCs in Jingle's terms", () => {
    const local = readLocal(ANSWER);
    expect(local.transport).toMatchObject({
      ufrag: "Qx1z",
      fingerprint: { hash: "sha-256", value: "12:34", setup: "active" },
    });
    expect(local.sections.map(({ mid, ssrcs }) => [mid, ssrcs])).toEqual([
      ["0", [5551]],
      ["1", [61, 62]],
    ]);
    expect(local.sections[0]?.description.payloadTypes[0]?.parameters).toEqual([
      { name: "minptime", value: "10" },
      { name: "useinbandfec", value: "1" },
    ]);
    expect(local.sections[1]?.description.headerExtensions.map((each) => each.id)).toEqual([5]);
  });
});

describe("simulcast by SSRC", () => {
  let next = 100;
  const { sdp, layers } = addLayers(ANSWER, "1", undefined, 3, () => next++);

  test("adds two more pairs, grouped as SIM and FID", () => {
    expect(layers).toEqual({ primary: [61, 100, 101], retransmission: [62, 102, 103] });
    expect(readLocal(sdp).sections[1]).toMatchObject({
      ssrcs: [61, 62, 100, 102, 101, 103],
      groups: [
        { semantics: "SIM", ssrcs: [61, 100, 101] },
        { semantics: "FID", ssrcs: [61, 62] },
        { semantics: "FID", ssrcs: [100, 102] },
        { semantics: "FID", ssrcs: [101, 103] },
      ],
    });
  });

  test("keeps its numbers in the next round", () => {
    expect(addLayers(ANSWER, "1", layers).sdp).toBe(sdp);
  });

  test("leaves other sections and senders of nothing alone", () => {
    expect(readLocal(sdp).sections[0]?.ssrcs).toEqual([5551]);
    expect(addLayers(ANSWER, "9", undefined).sdp).toBe(ANSWER);
  });
});
