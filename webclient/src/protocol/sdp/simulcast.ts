/**
 * Three layers of one camera, told apart by SSRC (Jitsi's convention; there is no `rid`).
 *
 * The browser writes one stream (and its retransmission) into its answer; two more pairs are added
 * to the local description, lowest layer first, and grouped: FID for each pair, SIM for the layers.
 */
import { parse as parseSdp, write as writeSdp } from "sdp-transform";

export interface LayerSsrcs {
  /** Primary SSRCs, lowest resolution first. */
  readonly primary: readonly number[];
  readonly retransmission: readonly number[];
}

export function randomSsrc(): number {
  return 1 + Math.floor(Math.random() * 0xfffffffe);
}

/**
 * Add the layers to section `mid`. `known` keeps the numbers of an earlier round, so that they
 * stay the same for the life of the session.
 */
export function addLayers(
  sdp: string,
  mid: string,
  known: LayerSsrcs | undefined,
  count = 3,
  random: () => number = randomSsrc,
): { sdp: string; layers: LayerSsrcs | undefined } {
  const tree = parseSdp(sdp);
  const media = tree.media.find((each) => String(each.mid) === mid);
  const lines = media?.ssrcs ?? [];
  if (!media || lines.length === 0) return { sdp, layers: known };

  const fid = media.ssrcGroups?.find((group) => group.semantics === "FID");
  const [primary, retransmission] = fid
    ? fid.ssrcs.split(" ").map(Number)
    : [Number(lines[0]!.id), undefined];
  const layers: LayerSsrcs = known ?? {
    primary: [primary!, ...Array.from({ length: count - 1 }, random)],
    retransmission:
      retransmission === undefined
        ? []
        : [retransmission, ...Array.from({ length: count - 1 }, random)],
  };

  // The same cname and msid for every layer: they are one track.
  const template = lines.filter((line) => Number(line.id) === Number(lines[0]!.id));
  const all = layers.primary.flatMap((ssrc, index) => [
    ssrc,
    ...(layers.retransmission[index] === undefined ? [] : [layers.retransmission[index]!]),
  ]);
  media.ssrcs = all.flatMap((ssrc) => template.map((line) => ({ ...line, id: ssrc })));
  media.ssrcGroups = [
    { semantics: "SIM", ssrcs: layers.primary.join(" ") },
    ...layers.retransmission.map((rtx, index) => ({
      semantics: "FID",
      ssrcs: `${layers.primary[index]} ${rtx}`,
    })),
  ];
  return { sdp: writeSdp(tree), layers };
}
