/**
 * The token with which somebody comes: `#jwt=` from signing in, or `?jwt=` of a personal link.
 *
 * One in the fragment is taken out of the address, so that nobody passes it on with the link, and is
 * kept for this tab, so that a reload does not lose it.
 */
const KEPT = "tertulia.token";

export function takeToken(
  address: { hash: string; search: string; pathname: string },
  kept: Pick<Storage, "getItem" | "setItem">,
  replace: (address: string) => void,
): string {
  const fragment = new URLSearchParams(address.hash.replace(/^#/, ""));
  const given = fragment.get("jwt");
  if (given) {
    fragment.delete("jwt");
    const rest = fragment.toString();
    replace(`${address.pathname}${address.search}${rest ? `#${rest}` : ""}`);
    kept.setItem(KEPT, given);
    return given;
  }
  return new URLSearchParams(address.search).get("jwt") ?? kept.getItem(KEPT) ?? "";
}

/** What this tab keeps; nothing where the browser forbids it, as in frames of other sites. */
export function tabStorage(): Pick<Storage, "getItem" | "setItem"> {
  try {
    return sessionStorage;
  } catch {
    return { getItem: () => null, setItem: () => undefined };
  }
}
