import { type Drop, dropFromVariables, dropVariables, parseDrop } from "../../core/drop";
import { thrownBy } from "../support/thrown";

const fields = {
  bucket: "drop-images",
  key: "test-jessie.zip",
  versionId: "096fKKXTRTtl3on89fVO.nfljtsv6qko",
  etag: "d41d8cd98f00b204e9800998ecf8427e-3",
  size: 1024,
  sequencer: "0055AED6DCD90281E5",
  time: "2026-01-31T12:00:00.123Z",
};

test("a drop with every field is taken as it is", () => {
  expect(parseDrop(fields)).toStrictEqual(fields);
});

test.each([
  {},
  { versionId: "", etag: "", sequencer: "", time: "", call: "" },
  { versionId: null, etag: null, size: null },
])("what is unknown is absent: %j", (unknown) => {
  expect(parseDrop({ bucket: "drop-images", key: "a", ...unknown })).toStrictEqual({
    bucket: "drop-images",
    key: "a",
  });
});

test('version "null" names no version: the bucket has no versioning', () => {
  expect(parseDrop({ bucket: "drop-images", key: "a", versionId: "null" })).not.toHaveProperty("versionId");
});

test("the quotes around an entity tag are no part of it", () => {
  expect(parseDrop({ ...fields, etag: '"d41d8cd9"' }).etag).toBe("d41d8cd9");
});

test.each([
  ["the shortest bucket name", { bucket: "abc" }],
  ["the longest old bucket name", { bucket: "A_" + "b".repeat(253) }],
  ["the longest key", { key: "k".repeat(1024) }],
  ["the longest key of Unicode", { key: "\u00e9".repeat(512) }],
  ["the longest version id", { versionId: "v".repeat(1024) }],
  ["an empty object", { size: 0 }],
  ["a time of whole seconds", { time: "2026-01-31T12:00:00Z" }],
  ["the call of a PUT", { call: "PutObject" }],
  ["the call of a browser's form", { call: "PostObject" }],
  ["the call of a copy", { call: "CopyObject" }],
  ["the call that ends an upload in parts", { call: "CompleteMultipartUpload" }],
])("accepts %s", (_, change) => {
  expect(parseDrop({ ...fields, ...change })).toStrictEqual({ ...fields, ...change });
});

test.each([
  [{ bucket: undefined }, "drop bucket must be a bucket name, got: nothing"],
  [{ bucket: "ab" }, 'drop bucket must be a bucket name, got: "ab"'],
  [{ bucket: "a/../b" }, 'drop bucket must be a bucket name, got: "a/../b"'],
  [{ bucket: 7 }, "drop bucket must be a bucket name, got: 7"],
  [{ key: undefined }, "drop key must be 1 to 1024 bytes long, got: nothing"],
  [{ key: "" }, 'drop key must be 1 to 1024 bytes long, got: ""'],
  [{ key: "k".repeat(1025) }, `drop key must be 1 to 1024 bytes long, got: "${"k".repeat(79)}... (1027 characters)`],
  [
    { key: "\u00e9".repeat(513) },
    `drop key must be 1 to 1024 bytes long, got: "${"\u00e9".repeat(79)}... (515 characters)`,
  ],
  [
    { versionId: "v".repeat(1025) },
    `drop versionId must be 1 to 1024 characters long, got: "${"v".repeat(79)}... (1027 characters)`,
  ],
  [{ versionId: 3 }, "drop versionId must be 1 to 1024 characters long, got: 3"],
  [{ etag: "has space" }, 'drop etag must be an entity tag, got: "has space"'],
  [{ size: -1 }, "drop size must be a number of bytes, 0 or more, got: -1"],
  [{ size: 1.5 }, "drop size must be a number of bytes, 0 or more, got: 1.5"],
  [{ size: "9" }, 'drop size must be a number of bytes, 0 or more, got: "9"'],
  [{ sequencer: "00G1" }, 'drop sequencer must be a hexadecimal number, got: "00G1"'],
  [
    { call: "CreateMultipartUpload" },
    'drop call must be PutObject or PostObject or CopyObject or CompleteMultipartUpload, got: "CreateMultipartUpload"',
  ],
  [{ time: "yesterday" }, 'drop time must be a time like 2026-01-31T12:00:00.000Z, got: "yesterday"'],
  [
    { time: "2026-13-31T12:00:00Z" },
    'drop time must be a time like 2026-01-31T12:00:00.000Z, got: "2026-13-31T12:00:00Z"',
  ],
])("refuses %j", (change, message) => {
  expect(thrownBy(() => parseDrop({ ...fields, ...change }))).toMatchObject({ name: "InvalidDropError", message });
});

test("a drop travels as variables: all but its size", () => {
  expect(dropVariables(parseDrop(fields))).toStrictEqual({
    DROP_BUCKET: "drop-images",
    DROP_KEY: "test-jessie.zip",
    DROP_VERSION_ID: "096fKKXTRTtl3on89fVO.nfljtsv6qko",
    DROP_ETAG: "d41d8cd98f00b204e9800998ecf8427e-3",
    DROP_SEQUENCER: "0055AED6DCD90281E5",
    DROP_TIME: "2026-01-31T12:00:00.123Z",
  });
});

test("what is unknown sets no variable", () => {
  expect(dropVariables({ bucket: "drop-images", key: "a b" })).toStrictEqual({
    DROP_BUCKET: "drop-images",
    DROP_KEY: "a b",
  });
});

test.each<Drop>([
  { bucket: "drop-images", key: "$(id) \"quoted\" 'twice' \u2713.zip" },
  { bucket: "drop-images", key: "a", versionId: "v1", time: "2026-01-31T12:00:00Z" },
  { bucket: "drop-images", key: "a", time: "2026-01-31T12:00:00Z", call: "CopyObject" },
])("variables lead back to the drop: %j", (drop) => {
  expect(dropFromVariables({ PATH: "/bin", ...dropVariables(drop) })).toStrictEqual(drop);
});

test("empty variables count as unset", () => {
  expect(
    dropFromVariables({ DROP_BUCKET: "drop-images", DROP_KEY: "a", DROP_VERSION_ID: "", DROP_TIME: "" }),
  ).toStrictEqual({
    bucket: "drop-images",
    key: "a",
  });
});

test.each([
  [{}, "DROP_BUCKET and DROP_KEY"],
  [{ DROP_BUCKET: "drop-images" }, "DROP_KEY"],
  [{ DROP_BUCKET: "", DROP_KEY: "a" }, "DROP_BUCKET"],
])("a build without a drop says what is missing: %j", (environment, missing) => {
  expect(thrownBy(() => dropFromVariables(environment))).toMatchObject({
    name: "MissingDropVariableError",
    message:
      `no drop to publish: ${missing} not set or empty, expected DROP_BUCKET and DROP_KEY as the trigger passes them; ` +
      "upload the archive again, or start the build with both as environment overrides",
  });
});

test("variables are checked like events", () => {
  expect(() => dropFromVariables({ DROP_BUCKET: "drop-images", DROP_KEY: "a", DROP_SEQUENCER: "x" })).toThrow(
    'drop sequencer must be a hexadecimal number, got: "x"',
  );
});
