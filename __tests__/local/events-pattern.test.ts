import fc from "fast-check";

import { InvalidEventPatternException } from "../../local/events/errors";
import type { Json, JsonObject } from "../../local/events/json";
import { parsePattern } from "../../local/events/pattern";

function matches(pattern: object, event: JsonObject): boolean {
  return parsePattern(JSON.stringify(pattern)).matches(event);
}

/** A pattern of one field, on an event that has the field, or has not. */
function field(alternatives: readonly Json[], value?: Json): boolean {
  return matches(
    { detail: { field: alternatives } },
    { detail: value === undefined ? { other: 1 } : { field: value } },
  );
}

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html */
describe("the operators of AWS's page", () => {
  test.each<[string, Json, Json[], (Json | undefined)[]]>([
    ["a string", "Alice", ["Alice"], ["alice", "Alice ", "", null, undefined]],
    ["an empty string", "", [""], ["a", null, undefined]],
    ["a number", 100, [100, 1e2], [101, "100", null, undefined]],
    ["a boolean", true, [true], [false, "true", undefined]],
    ["null", null, [null], ["null", 0, "", false, undefined]],
    ["prefix", { prefix: "us-" }, ["us-", "us-east-1"], ["US-east-1", "eu-us-1", 1, null, undefined]],
    [
      "prefix, whatever the case",
      { prefix: { "equals-ignore-case": "EventB" } },
      ["eventbridge", "EVENTBRIDGE"],
      ["my eventbridge", undefined],
    ],
    ["suffix", { suffix: ".png" }, [".png", "a.png"], ["a.PNG", "a.png.zip", null, undefined]],
    [
      "suffix, whatever the case",
      { suffix: { "equals-ignore-case": "tBridge" } },
      ["EventBridge", "EVENTBRIDGE"],
      ["bridges", undefined],
    ],
    ["equals-ignore-case", { "equals-ignore-case": "alice" }, ["Alice", "ALICE"], ["Alicia", null, undefined]],
    ["exists: true", { exists: true }, ["", 0, false, null], [undefined, {}, { inner: 1 }, []]],
    ["exists: false", { exists: false }, [{}, { inner: 1 }, []], ["", 0, false, null]],
    ["numeric =", { numeric: ["=", 301.8] }, [301.8, 3.018e2], [301, "301.8", undefined]],
    ["numeric <", { numeric: ["<", 10] }, [9.99, -1], [10, undefined]],
    ["numeric <=", { numeric: ["<=", 10] }, [10], [10.01, null]],
    ["numeric >", { numeric: [">", 10] }, [10.01], [10, "11"]],
    ["numeric >=", { numeric: [">=", 10] }, [10], [9.99]],
    ["a numeric range", { numeric: [">", 10, "<=", 20] }, [10.1, 20], [10, 20.1, "15", undefined]],
    ["the other numeric range", { numeric: [">=", -5e9, "<", 5e9] }, [-5e9, 0], [5e9]],
    ["cidr", { cidr: "10.0.0.0/24" }, ["10.0.0.0", "10.0.0.255"], ["10.0.1.0", "x", 10, "::1", undefined]],
    ["cidr of IPv6", { cidr: "2001:db8::/32" }, ["2001:db8::1"], ["2001:db9::1", "10.0.0.1"]],
    ["wildcard", { wildcard: "dir/*.png" }, ["dir/.png", "dir/a/b.png"], ["dir/a.jpg", "a/dir/b.png", null, undefined]],
    ["wildcard at both ends", { wildcard: "*/lib/*" }, ["/lib/", "a/lib/b"], ["lib/", "a/lib"]],
    ["wildcard twice", { wildcard: "a*b*c" }, ["abc", "aXbXbXc"], ["ac", "acb"]],
    ["a wildcard that is not greedy", { wildcard: "ab*ba" }, ["abba", "ab ba"], ["aba", "ab"]],
    ["an escaped wildcard", { wildcard: String.raw`a\*\\b*` }, [String.raw`a*\b`, String.raw`a*\b!`], ["a1b"]],
    ["a wildcard over lines", { wildcard: "a*c" }, ["a\nb\nc"], ["a\nb\n"]],
    ["no wildcard", { wildcard: "a.c" }, ["a.c"], ["abc"]],
    [
      "anything-but a string",
      { "anything-but": "initializing" },
      ["running", "Initializing", null, 1, true],
      ["initializing", undefined],
    ],
    ["anything-but a number", { "anything-but": 123 }, [124, "123", null], [123, undefined]],
    ["anything-but strings", { "anything-but": ["stopped", "overloaded"] }, ["running"], ["stopped", "overloaded"]],
    ["anything-but numbers", { "anything-but": [100, 200] }, [150, "100"], [100, 200]],
    ["anything-but a prefix", { "anything-but": { prefix: "init" } }, ["an init", 1], ["initializing", undefined]],
    ["anything-but prefixes", { "anything-but": { prefix: ["init", "error"] } }, ["ok"], ["initializing", "errors"]],
    ["anything-but a suffix", { "anything-but": { suffix: ".txt" } }, ["a.png"], ["a.txt", undefined]],
    ["anything-but suffixes", { "anything-but": { suffix: [".txt", ".md"] } }, ["a.png"], ["a.txt", "a.md"]],
    [
      "anything-but whatever the case",
      { "anything-but": { "equals-ignore-case": "initializing" } },
      ["running"],
      ["INITIALIZING", undefined],
    ],
    [
      "anything-but a list whatever the case",
      { "anything-but": { "equals-ignore-case": ["a", "b"] } },
      ["c"],
      ["A", "B"],
    ],
    ["anything-but a wildcard", { "anything-but": { wildcard: "*/lib/*" } }, ["/bin/"], ["a/lib/b", undefined]],
    ["anything-but wildcards", { "anything-but": { wildcard: ["*/a/*", "*/b/*"] } }, ["/c/"], ["/a/", "/b/"]],
  ])("%s", (_name, alternative, matching, others) => {
    expect(matching.filter((value) => !field([alternative], value))).toEqual([]);
    expect(others.filter((value) => field([alternative], value))).toEqual([]);
  });

  test("the alternatives of a field: one is enough", () => {
    const alternatives: Json[] = ["a", { prefix: "b" }, { exists: false }];

    expect(["a", "bc", undefined, [], {}].filter((value) => !field(alternatives, value))).toEqual([]);
    expect(["c", null].filter((value) => field(alternatives, value))).toEqual([]);
  });

  test("the fields of a pattern: all must match", () => {
    const pattern = {
      source: ["aws.s3"],
      detail: { bucket: { name: ["drops"] }, object: { key: [{ suffix: ".zip" }] } },
    };
    const event = {
      source: "aws.s3",
      id: "1",
      detail: { bucket: { name: "drops" }, object: { key: "a.zip", size: 1 } },
    };

    expect(matches(pattern, event)).toBe(true);
    expect(matches(pattern, { ...event, source: "aws.ec2" })).toBe(false);
    expect(matches(pattern, { ...event, detail: { ...event.detail, bucket: { name: "drops2" } } })).toBe(false);
    expect(matches(pattern, { ...event, detail: { ...event.detail, object: {} } })).toBe(false);
    expect(matches(pattern, { ...event, detail: "drops" })).toBe(false);
  });

  test("a dot in a name is a level, in the pattern and in the event", () => {
    expect(matches({ "detail.state": ["on"] }, { detail: { state: "on" } })).toBe(true);
    expect(matches({ detail: { state: ["on"] } }, { "detail.state": "on" })).toBe(true);
  });

  test("names are compared as they are written", () => {
    expect(matches({ Source: ["a"] }, { source: "a" })).toBe(false);
  });

  test("of a name that comes twice the last counts", () => {
    const pattern = parsePattern('{"location":[{"prefix":"us-"}],"location":[{"anything-but":"us-east"}]}');

    expect([pattern.matches({ location: "eu" }), pattern.matches({ location: "us-east" })]).toEqual([true, false]);
  });
});

describe("arrays in an event", () => {
  test.each<[readonly Json[], Json, boolean]>([
    [["a"], ["b", "a"], true],
    [["a", "c"], ["b", "c"], true],
    [["a"], ["b"], false],
    [["a"], [["b"], ["a"]], true],
    [[null], [], false],
    [[null], [null], true],
    // One element that is something else is enough.
    [[{ "anything-but": "a" }], ["a", "b"], true],
    [[{ "anything-but": "a" }], ["a"], false],
    [[{ exists: false }], ["a"], false],
  ])("%j on %j: %s", (alternatives, value, expected) => {
    expect(field(alternatives, value)).toBe(expected);
  });

  const employees: Json = [
    { first: "John", last: "Doe" },
    { first: "Anna", last: "Smith", at: [{ city: "Berlin" }, { city: "Rome" }] },
  ];

  test.each([
    [{ first: ["Anna"] }, true],
    [{ first: ["Anna"], last: ["Smith"] }, true],
    [{ first: ["Anna"], last: ["Doe"] }, false],
    [{ first: ["Anna"], at: { city: ["Rome"] } }, true],
    [{ first: ["John"], at: { city: ["Rome"] } }, false],
    // That one of them has it is enough for it to exist.
    [{ first: ["John"], at: { city: [{ exists: false }] } }, false],
    [{ first: ["John"], phone: [{ exists: false }] }, true],
  ])("fields of one pattern are of one element: %j is %s", (pattern, expected) => {
    expect(matches({ employees: pattern }, { employees })).toBe(expected);
  });
});

/** As AWS's own matcher has it: https://github.com/aws/event-ruler */
test.each<[Json, boolean]>([
  [[1, { y: 2 }], true],
  [[[1, { y: 2 }]], true],
  [[[1], { y: 2 }], false],
  [[[1], [{ y: 2 }]], false],
])("an element without fields goes with those that have some, but for other arrays: %j is %s", (x, expected) => {
  expect(matches({ x: [1], "x.y": [2] }, { x })).toBe(expected);
});

describe("$or", () => {
  test("one of its objects is enough, on top of the fields beside it", () => {
    const pattern = {
      source: ["aws.cloudwatch"],
      $or: [{ metric: ["CPU"] }, { namespace: ["EC2"], scope: ["Service"] }],
    };
    const source = "aws.cloudwatch";

    expect(matches(pattern, { source, metric: "CPU" })).toBe(true);
    expect(matches(pattern, { source, namespace: "EC2", scope: "Service" })).toBe(true);
    expect(matches(pattern, { source, namespace: "EC2" })).toBe(false);
    expect(matches(pattern, { metric: "CPU" })).toBe(false);
  });

  test("AWS's example, below a field", () => {
    const pattern = {
      detail: {
        $or: [
          { "c-count": [{ numeric: [">", 0, "<=", 5] }] },
          { "d-count": [{ numeric: ["<", 10] }] },
          { "x-limit": [{ numeric: ["=", 3.018e2] }] },
        ],
      },
    };

    expect(matches(pattern, { detail: { "c-count": 5, "d-count": 10 } })).toBe(true);
    expect(matches(pattern, { detail: { "d-count": 9 } })).toBe(true);
    expect(matches(pattern, { detail: { "c-count": 6, "d-count": 10, "x-limit": 3 } })).toBe(false);
    expect(matches(pattern, { "c-count": 5 })).toBe(false);
  });

  test("two of them, and one inside of another", () => {
    const pattern = {
      $or: [{ a: ["1"] }, { b: ["1"], $or: [{ c: ["1"] }, { d: [{ exists: false }] }] }],
      detail: { $or: [{ e: ["1"] }, { f: ["1"] }] },
    };

    expect(matches(pattern, { a: "1", detail: { f: "1" } })).toBe(true);
    expect(matches(pattern, { b: "1", d: "1", c: "1", detail: { e: "1" } })).toBe(true);
    expect(matches(pattern, { b: "1", detail: { e: "1" } })).toBe(true);
    expect(matches(pattern, { b: "1", d: "1", detail: { e: "1" } })).toBe(false);
    expect(matches(pattern, { a: "1", detail: {} })).toBe(false);
  });

  test("takes the place of a field of the same name before it", () => {
    const pattern = { a: ["1"], $or: [{ a: ["2"] }, { b: ["1"] }] };

    expect(matches(pattern, { a: "2" })).toBe(true);
    expect(matches(pattern, { a: "1", b: "1" })).toBe(true);
    expect(matches(pattern, { a: "1" })).toBe(false);
  });

  test("may make 1,000 combinations", () => {
    const or = (length: number) => ({ $or: Array.from({ length }, (_, index) => ({ f: [index] })) });

    expect(matches({ a: or(10), b: or(10), c: or(10) }, { a: { f: 9 }, b: { f: 0 }, c: { f: 5 } })).toBe(true);
    expect(() => parsePattern(JSON.stringify({ a: or(10), b: or(10), c: or(11) }))).toThrow(
      "Event pattern is not valid. Reason: its $or make 1100 rule combinations, and at most 1000 are allowed",
    );
  });
});

describe("a pattern that PutRule refuses", () => {
  // With AWS's own reasons: https://github.com/aws/event-ruler
  test.each<[string | object, string]>([
    [["no", "object"], "Filter is not an object"],
    ["null", "Filter is not an object"],
    [{}, "Empty objects are not allowed"],
    [{ detail: {} }, "Empty objects are not allowed"],
    [{ resources: [] }, "Empty arrays are not allowed"],
    [{ int: 42 }, '"int" must be an object or an array'],
    [{ detail: { state: "on" } }, '"state" must be an object or an array'],
    [{ detail: null }, '"detail" must be an object or an array'],
    [{ a: [["b"]] }, "Match value must be String, number, true, false, or null"],
    [{ a: [{}] }, "Match expression name not found"],
    [{ a: [{ EXISTS: true }] }, "Unrecognized match type EXISTS"],
    [{ a: [{ constructor: true }] }, "Unrecognized match type constructor"],
    [{ a: [{ prefix: "a", suffix: "b" }] }, "Only one key allowed in match expression"],
    [{ a: [{ exists: "true" }] }, "exists match pattern must be either true or false."],
    [{ a: [{ prefix: 123 }] }, "prefix match pattern must be a string"],
    [{ a: [{ prefix: ["a"] }] }, "prefix match pattern must be a string"],
    [{ a: [{ prefix: {} }] }, "Prefix expression name not found"],
    [{ a: [{ prefix: { suffix: "a" } }] }, "Unsupported prefix pattern: suffix"],
    [{ a: [{ prefix: { "equals-ignore-case": 1 } }] }, "equals-ignore-case match pattern must be a string"],
    [{ a: [{ suffix: [".png"] }] }, "suffix match pattern must be a string"],
    [{ a: [{ suffix: {} }] }, "Suffix expression name not found"],
    [{ a: [{ suffix: { prefix: "a" } }] }, "Unsupported suffix pattern: prefix"],
    [{ a: [{ "equals-ignore-case": ["a"] }] }, "equals-ignore-case match pattern must be a string"],
    [{ a: [{ wildcard: 123 }] }, "wildcard match pattern must be a string"],
    [{ a: [{ wildcard: "arn:aws:events:us-east-1:**:event-bus/*" }] }, "Consecutive wildcard characters at pos 26"],
    [{ a: [{ wildcard: "é**" }] }, "Consecutive wildcard characters at pos 3"],
    [{ a: [{ wildcard: String.raw`a\b` }] }, "Invalid escape character at pos 2"],
    [{ a: [{ wildcard: "a\\" }] }, "Invalid escape character at pos 2"],
    [{ a: [{ numeric: 5 }] }, "Value of numeric must be an array."],
    [{ a: [{ numeric: [] }] }, "Invalid member in numeric match: ]"],
    [{ a: [{ numeric: [5] }] }, "Invalid member in numeric match: 5"],
    [{ a: [{ numeric: ["!=", 5] }] }, "Unrecognized numeric range operator: !="],
    [{ a: [{ numeric: ["=", "5"] }] }, "Value of equals must be numeric"],
    [{ a: [{ numeric: [">"] }] }, "Value of > must be numeric"],
    [{ a: [{ numeric: ["<", 5, ">", 1] }] }, "Too many elements in numeric expression"],
    [{ a: [{ numeric: [">", 0, 5] }] }, "Bad value in numeric range: 5"],
    [{ a: [{ numeric: [">", 0, ">", 5] }] }, "Bad numeric range operator: >"],
    [{ a: [{ numeric: [">", 0, "<"] }] }, "Value of < must be numeric"],
    [{ a: [{ numeric: [">", 0, "<", 5, "<", 6] }] }, "Too many terms in numeric range expression"],
    [{ a: [{ numeric: [">", 5, "<", 5] }] }, "Bottom must be less than top"],
    [{ a: [{ numeric: [">", 5e9 + 1] }] }, "Value must be between -5.0E9 and 5.0E9, inclusive"],
    [{ a: [{ cidr: "10.0.0.0" }] }, "Malformed CIDR, one '/' required"],
    [{ a: [{ cidr: "10.0.0.0/8/8" }] }, "Malformed CIDR, one '/' required"],
    [{ a: [{ cidr: "10.0.0.0/x" }] }, "Malformed CIDR, mask bits must be an integer"],
    [{ a: [{ cidr: "10.0.0.0/-1" }] }, "Malformed CIDR, mask bits must not be negative"],
    [{ a: [{ cidr: "10.0.0/8" }] }, "Nonstandard IP address: 10.0.0"],
    [{ a: [{ cidr: "10.0.0.0/32" }] }, "IPv4 mask bits must be < 32"],
    [{ a: [{ cidr: "::/128" }] }, "IPv6 mask bits must be < 128"],
    [{ a: [{ "anything-but": true }] }, "Value of anything-but must be an array or single string/number value."],
    [{ a: [{ "anything-but": [true] }] }, "Inside anything but list, start|null|boolean is not supported."],
    [
      { a: [{ "anything-but": [1, "a"] }] },
      "Inside anything but list, either all values are number or string, mixed type is not supported",
    ],
    [
      { a: [{ "anything-but": [] }] },
      "Inside anything but list, either all values are number or string, mixed type is not supported",
    ],
    [{ a: [{ "anything-but": 5e9 + 1 }] }, "Value must be between -5.0E9 and 5.0E9, inclusive"],
    [{ a: [{ "anything-but": {} }] }, "Anything-But expression name not found"],
    [{ a: [{ "anything-but": { exists: true } }] }, "Unsupported anything-but pattern: exists"],
    [{ a: [{ "anything-but": { prefix: "a", suffix: "b" } }] }, "Too many elements in numeric expression"],
    [{ a: [{ "anything-but": { prefix: "" } }] }, "Null prefix/suffix not allowed"],
    [{ a: [{ "anything-but": { suffix: [123] } }] }, "prefix/suffix match pattern must be a string"],
    [
      { a: [{ "anything-but": { prefix: { "equals-ignore-case": "a" } } }] },
      "Value of anything-but must be an array or single string/number value.",
    ],
    [
      { a: [{ "anything-but": { "equals-ignore-case": 123 } }] },
      "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.",
    ],
    [{ a: [{ "anything-but": { wildcard: ["*", 1] } }] }, "wildcard match pattern must be a string"],
    [{ $or: {} }, "It must be an Array followed with $or."],
    [{ $or: [{ a: ["1"] }] }, "There must have at least 2 Objects in $or relationship."],
    [{ $or: [{ a: ["1"] }, "b"] }, "Only JSON object is allowed in array of $or relationship."],
    [{ $or: [{ a: ["1"] }, {}] }, "Empty objects are not allowed"],
    [{ $or: [{ prefix: ["1"] }, { b: ["1"] }] }, "prefix is Ruler reserved fieldName which cannot be used inside $or."],
  ])("%j: %s", (pattern, reason) => {
    const text = typeof pattern === "string" ? pattern : JSON.stringify(pattern);

    expect(() => parsePattern(text)).toThrow(new InvalidEventPatternException(reason));
  });

  test("is not JSON", () => {
    expect(() => parsePattern("{'bad': 'quotation'}")).toThrow(/^Event pattern is not valid. Reason: .*JSON/);
  });

  test("has more than 2,048 characters", () => {
    const ofLength = (length: number): string => JSON.stringify({ a: ["x".repeat(length - '{"a":[""]}'.length)] });

    expect(parsePattern(ofLength(2048)).matches({ a: "x" })).toBe(false);
    expect(() => parsePattern(ofLength(2049))).toThrow(
      "Event pattern is not valid. Reason: it has 2049 characters, and at most 2048 are allowed",
    );
  });
});

describe("properties", () => {
  const scalar = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
  const word = fc.string({ unit: fc.constantFrom("a", "b", "*", "\\", "é"), maxLength: 8 });
  const escaped = (text: string): string => text.replace(/[*\\]/g, String.raw`\$&`);

  test("a value matches itself, and nothing but itself", () => {
    fc.assert(
      fc.property(scalar, scalar, (one, other) => {
        expect(field([one], other)).toBe(one === other);
      }),
    );
  });

  test("anything-but is the opposite of its operator where the field is there", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("prefix", "suffix", "wildcard", "equals-ignore-case"),
        word,
        word,
        (operator, operand, value) => {
          const expected = operator === "wildcard" ? escaped(operand) : operand;
          fc.pre(expected !== "");
          expect(field([{ "anything-but": { [operator]: expected } }], value)).toBe(
            !field([{ [operator]: expected }], value),
          );
        },
      ),
    );
  });

  test("a wildcard matches as the regular expression of its parts", () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), word, (parts, value) => {
        fc.pre(parts.slice(1, -1).every((part) => part !== ""));
        const expression = parts.map((part) => part.replace(/[*\\]/g, String.raw`\$&`)).join("[^]*");
        const pattern = parts.map(escaped).join("*");
        expect(field([{ wildcard: pattern }], value)).toBe(new RegExp(`^${expression}$`).test(value));
        expect(field([{ wildcard: pattern }], parts.join("x"))).toBe(true);
      }),
    );
  });

  test("of two patterns side by side in an $or, one is enough", () => {
    fc.assert(
      fc.property(scalar, scalar, scalar, (one, other, value) => {
        const pattern = { detail: { $or: [{ field: [one] }, { field: [other] }] } };
        expect(matches(pattern, { detail: { field: value } })).toBe(field([one, other], value));
      }),
    );
  });
});
