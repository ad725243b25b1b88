import { expect, test } from "vitest";
import { nextToHear } from "../../src/conference/who-speaks";

const people = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `p${index}`);
const nobody = (): boolean => false;

test("however many there are, few are listened to at once", () => {
  for (const count of [0, 1, 2, 3, 4, 25, 100]) {
    const heard = nextToHear(people(count), nobody, 7);
    expect(heard.size).toBe(Math.min(3, count));
  }
});

test("whoever speaks is listened to each time, and the others in turn", () => {
  const isSpeaking = (id: string): boolean => id === "p4";
  const heard = [0, 1, 2].map((turn) => nextToHear(people(10), isSpeaking, turn));
  for (const each of heard) expect(each).toContain("p4");
  expect(new Set(heard.flatMap((each) => [...each])).size).toBe(10);
});

test.each([4, 5, 7, 25])("nobody of %i is left out for long", (count) => {
  const turns = Math.ceil(count / 3) + 1;
  for (let first = 0; first < 10; first++) {
    const heard = new Set(
      Array.from({ length: turns }, (_, turn) => [
        ...nextToHear(people(count), nobody, first + turn),
      ]).flat(),
    );
    expect(heard.size).toBe(count);
  }
});
