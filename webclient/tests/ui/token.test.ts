import { describe, expect, it } from "vitest";
import { takeToken } from "../../src/ui/token";

function tab(): { kept: Map<string, string>; store: Pick<Storage, "getItem" | "setItem"> } {
  const kept = new Map<string, string>();
  return {
    kept,
    store: {
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => {
        kept.set(key, value);
      },
    },
  };
}

describe("the token somebody comes with", () => {
  it("leaves the address, and only the token does", () => {
    const { store } = tab();
    let shown = "";
    const address = { pathname: "/plaza", search: "?a=1", hash: "#jwt=abc.def&name=Ana" };

    expect(takeToken(address, store, (text) => (shown = text))).toBe("abc.def");
    expect(shown).toBe("/plaza?a=1#name=Ana");
  });

  it("outlives a reload of the tab", () => {
    const { store } = tab();
    takeToken({ pathname: "/plaza", search: "", hash: "#jwt=abc" }, store, () => undefined);

    const again = { pathname: "/plaza", search: "", hash: "" };
    expect(takeToken(again, store, () => undefined)).toBe("abc");
  });

  it("may be in a personal link, which stays as it is", () => {
    const { store, kept } = tab();
    const address = { pathname: "/plaza", search: "?jwt=link", hash: "" };
    let isReplaced = false;

    expect(takeToken(address, store, () => (isReplaced = true))).toBe("link");
    expect([isReplaced, kept.size]).toEqual([false, 0]);
  });
});
