import { expect, test } from "vitest";
import { inLanguage, readTheme } from "../../src/protocol/theme";

test("what a site says of itself is read, and nothing that is not words", () => {
  const theme = readTheme({
    logo: true,
    logoDark: true,
    welcome: { en: "Welcome", es: 7 },
    links: { help: { it: "https://example.org/aiuto" }, other: { en: "https://evil.example" } },
  });

  expect(theme).toEqual({
    hasLogo: true,
    hasDarkLogo: true,
    welcome: { en: "Welcome" },
    links: { help: { it: "https://example.org/aiuto" }, privacy: {}, imprint: {} },
  });
});

test("a server that says nothing has no theme", () => {
  const links = { help: {}, privacy: {}, imprint: {} };
  const nothing = { hasLogo: false, hasDarkLogo: false, welcome: {}, links };
  expect(readTheme(undefined)).toEqual(nothing);
  expect(readTheme({ links: null, welcome: "x" })).toEqual(nothing);
});

test("another language stands in for a missing one", () => {
  expect(inLanguage({ en: "Welcome", it: "Benvenuti" }, "it")).toBe("Benvenuti");
  expect(inLanguage({ en: "Welcome", it: "Benvenuti" }, "fr")).toBe("Welcome");
  expect(inLanguage({ it: "Benvenuti" }, "fr")).toBe("Benvenuti");
  expect(inLanguage({}, "fr")).toBeUndefined();
});
