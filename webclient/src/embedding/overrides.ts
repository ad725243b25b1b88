/**
 * What an embedding page, or a link, may decide for a meeting: a short list of settings of Jitsi's
 * address parameters. Everything else in the address is ignored, and nothing of it becomes part of
 * an object by a name of its own choice.
 */

export interface Overrides {
  readonly displayName: string | null;
  readonly microphone: boolean | null;
  readonly camera: boolean | null;
  readonly skipCheck: boolean | null;
  readonly p2p: boolean | null;
  readonly language: string | null;
}

/** The parameters that count, by what they decide. */
export const PARAMETERS = {
  displayName: ["userInfo.displayName"],
  microphone: ["config.startWithAudioMuted"],
  camera: ["config.startWithVideoMuted"],
  skipCheck: ["config.prejoinConfig.enabled", "config.prejoinPageEnabled"],
  p2p: ["config.p2p.enabled"],
  language: ["config.defaultLanguage", "lang"],
} as const satisfies Record<keyof Overrides, readonly string[]>;

const MAX_NAME = 80;

/** Read the part of an address behind `#`. Values are JSON, as Jitsi writes them, or bare words. */
export function readOverrides(hash: string): Overrides {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const value = (names: readonly string[]): unknown => {
    const name = names.find((each) => given.has(each));
    const text = name === undefined ? null : given.get(name);
    if (text === null) return null;
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  };
  const flag = (names: readonly string[]): boolean | null => {
    const found = value(names);
    return typeof found === "boolean" ? found : null;
  };
  const not = (found: boolean | null): boolean | null => (found === null ? null : !found);
  const words = (names: readonly string[]): string | null => {
    const found = value(names);
    return typeof found === "string" && found.trim() !== "" ? found.slice(0, MAX_NAME) : null;
  };
  return {
    displayName: words(PARAMETERS.displayName),
    microphone: not(flag(PARAMETERS.microphone)),
    camera: not(flag(PARAMETERS.camera)),
    skipCheck: not(flag(PARAMETERS.skipCheck)),
    p2p: flag(PARAMETERS.p2p),
    language: words(PARAMETERS.language),
  };
}
