import { describe, expect, it } from "vitest";
import { Resumption } from "../../src/protocol/resumption";

const kept = { id: "s1", max: 30, resumeSupported: true };

describe("what is kept of a session", () => {
  it("can be resumed as long as the server says, and two minutes more if it was away itself", () => {
    const resumption = new Resumption("");
    resumption.save("", kept);
    resumption.interruptedAt = 1_000;

    expect(resumption.isPossible(150_999)).toBe(true);
    expect(resumption.isPossible(151_000)).toBe(false);
  });

  it("is nothing before the server has given it an id, or when it gives none", () => {
    const resumption = new Resumption("");
    expect(resumption.isPossible(0)).toBe(false);

    resumption.save("", { id: null, max: null, resumeSupported: false });
    expect(resumption.id).toBe("");
    resumption.save("", { ...kept, resumeSupported: false });
    expect(resumption.id).toBe("");
  });

  it("names the former session until there is one of its own, and after that is gone", () => {
    const resumption = new Resumption("old");
    expect(resumption.previd).toBe("old");

    resumption.save("", kept);
    expect(resumption.previd).toBe("s1");

    resumption.clear();
    expect(resumption.id).toBe("");
  });
});
