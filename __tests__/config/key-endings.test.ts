import { endingsOf, KEY_ENDINGS } from "../../config/key-endings";

test("endings of keys, each once, in one order", () => {
  expect(endingsOf(["b.tar.zst", "a.tar", "c.zip", "d.zip", "{anything}.tgz", "e.tar.gz", "f.zip.tar"])).toEqual([
    ".zip",
    ".tar",
    ".tar.gz",
    ".tgz",
    ".tar.zst",
  ]);
  expect(endingsOf(["a.tar.gz"])).toEqual([".tar.gz"]);
  expect(endingsOf([])).toEqual([]);
});

test("no ending is that of another, which S3 refuses for two filters of a bucket", () => {
  const nested = KEY_ENDINGS.flatMap((one) => KEY_ENDINGS.filter((other) => other !== one && other.endsWith(one)));
  expect(nested).toEqual([]);
});
