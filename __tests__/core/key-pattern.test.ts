import fc from "fast-check";
import { ANYTHING, commonKey, isPattern, matchesKey, overlap, renderPattern } from "../../core/key-pattern";

describe("matching", () => {
  test.each<[pattern: string, key: string]>([
    ["api.zip", "api.zip"],
    ["{anything}", "x"],
    ["{anything}.zip", "api.zip"],
    ["api/{anything}.zip", "api/2024/05/x.zip"],
    ["api/{anything}.zip", "api/..zip"],
    ["api/{anything}.zip", "api//.zip"],
    ["api/{anything}.zip", "api/\u{1f600}.zip"],
    ["a{anything}b{anything}c", "axbbbc"],
    ["a{anything}ab{anything}", "aaababx"],
    ["{anything}a{anything}", "aaa"],
    ["(.*)[{anything}$.zip", "(.*)[x$.zip"],
  ])("%s takes %s", (pattern, key) => {
    expect(matchesKey(pattern, key)).toBe(true);
  });

  test.each<[pattern: string, key: string]>([
    ["api.zip", "apiXzip"],
    ["api.zip", "api.zip2"],
    ["{anything}", ""],
    ["{anything}.zip", ".zip"],
    ["api/{anything}.zip", "api/.zip"],
    ["api/{anything}.zip", "api/x.zip2"],
    ["api/{anything}.zip", "v2/api/x.zip"],
    ["api/{anything}.zip", "API/x.zip"],
    ["a{anything}a", "aa"],
    ["a{anything}b{anything}c", "abbc"],
    ["{anything}a{anything}", "aa"],
    ["ab{anything}ba", "aba"],
  ])("%s does not take %s", (pattern, key) => {
    expect(matchesKey(pattern, key)).toBe(false);
  });

  test("a key of S3's greatest length that almost matches is refused at once", () => {
    const pattern = ["a", "a", "a", "a", "b"].join(ANYTHING);
    expect(matchesKey(pattern, "a".repeat(1024))).toBe(false);
    expect(matchesKey(pattern, `${"a".repeat(1023)}b`)).toBe(true);
  });
});

test.each([
  ["api.zip", false],
  ["{service}.zip", false],
  ["{anything}.zip", true],
])("%s is a pattern: %p", (key, expected) => {
  expect(isPattern(key)).toBe(expected);
});

test.each<[a: string, b: string, common: string | undefined]>([
  ["api.zip", "api.zip", "api.zip"],
  ["api.zip", "web.zip", undefined],
  ["api/{anything}.zip", "api/x.zip", "api/x.zip"],
  ["api/{anything}.zip", "api/.zip", undefined],
  ["api/{anything}.zip", "web/{anything}.zip", undefined],
  ["api/{anything}.zip", "api-v2/{anything}.zip", undefined],
  ["{anything}/api.zip", "{anything}/web.zip", undefined],
  ["api/{anything}.zip", "{anything}/latest.zip", "api/x/latest.zip"],
  ["a/{anything}/1/{anything}.zip", "a/{anything}/2/{anything}.zip", "a/x/1/x/2/x.zip"],
  ["{anything}.zip", "api.zip", "api.zip"],
])("%s and %s have %p in common", (a, b, common) => {
  expect([overlap(a, b), overlap(b, a)]).toEqual([common !== undefined, common !== undefined]);
  if (common !== undefined) expect(commonKey(a, b)).toBe(common);
});

describe("over a small alphabet", () => {
  const LETTERS = ["a", "b"];
  const key = fc
    .array(fc.constantFrom(...LETTERS, ANYTHING), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join(""));
  /** Every key of up to 9 letters: more than two patterns of 4 parts need for a key in common. */
  const words = Array.from({ length: 9 }).reduce<string[][]>(
    (lengths) => [...lengths, lengths.at(-1)!.flatMap((word) => LETTERS.map((letter) => word + letter))],
    [[""]],
  );
  const all = words.flat();
  const asExpression = (pattern: string) => new RegExp(`^${pattern.replaceAll(ANYTHING, ".+")}$`);

  test("a key matches where the regular expression does", () => {
    const word = fc.constantFrom(...all);
    fc.assert(
      fc.property(key, word, (pattern, candidate) => {
        expect(matchesKey(pattern, candidate)).toBe(asExpression(pattern).test(candidate));
      }),
      { seed: 1, numRuns: 2000 },
    );
  });

  test("two overlap where some key matches both, and the key that is named does", () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        const [first, second] = [asExpression(a), asExpression(b)];
        expect(overlap(a, b)).toBe(all.some((word) => first.test(word) && second.test(word)));
        expect(overlap(b, a)).toBe(overlap(a, b));
        if (!overlap(a, b)) return;
        expect(matchesKey(a, commonKey(a, b))).toBe(true);
        expect(matchesKey(b, commonKey(a, b))).toBe(true);
      }),
      { seed: 1, numRuns: 1000 },
    );
  });
});

test("is written in another language of patterns, literal parts escaped", () => {
  const render = (key: string) =>
    renderPattern(key, { literal: (text) => text.replaceAll("*", "\\*"), anything: "?*" });
  expect(render("a*b.zip")).toBe("a\\*b.zip");
  expect(render("{anything}/*/{anything}.zip")).toBe("?*/\\*/?*.zip");
});
