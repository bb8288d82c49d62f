import { didYouMean } from "../../core/spelling";

const KNOWN = ["name", "region", "bucket", "backend", "movingTags", "buildTimeout", "key"];

test.each([
  ["regoin", "region"],
  ["regions", "region"],
  ["Region", "region"],
  ["moving_tags", "movingTags"],
  ["moving-tag", "movingTags"],
  ["timeout", undefined],
  ["buildTimeuot", "buildTimeout"],
  ["kye", "key"],
  ["k", undefined],
  ["backet", "bucket"],
  ["", undefined],
])("%j: %s", (word, meant) => {
  expect(didYouMean(word, KNOWN)).toBe(meant);
});

test("a very long word costs nothing", () => {
  expect(didYouMean("x".repeat(1_000_000), KNOWN)).toBeUndefined();
});

test("nothing is meant where nothing is known", () => {
  expect(didYouMean("name", [])).toBeUndefined();
});
