import type { Target } from "@aws-sdk/client-eventbridge";
import fc from "fast-check";

import { targetInput } from "../../local/events/transformer";

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html */
const EVENT = {
  version: "0",
  id: "7bf73129-1428-4cd3-a780-95db273d1602",
  "detail-type": "EC2 Instance State-change Notification",
  source: "aws.ec2",
  account: "123456789012",
  time: "2015-11-11T21:29:54Z",
  region: "us-east-1",
  resources: ["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"],
  detail: { "instance-id": "i-0123456789", state: "RUNNING", number: 5, nothing: null, object: { a: [1, "b"] } },
};
const CONTEXT = {
  ruleArn: "arn:aws:events:us-east-2:123456789012:rule/example",
  ruleName: "example",
  ingestionTime: new Date("2015-11-11T21:29:55.123Z"),
};
const PATHS = {
  timestamp: "$.time",
  instance: "$.detail.instance-id",
  state: "$.detail.state",
  resource: "$.resources[0]",
  number: "$.detail.number",
  nothing: "$.detail.nothing",
  object: "$.detail.object",
  absent: "$.detail.absent.member",
  all: "$",
};

function input(target: Target): string {
  return targetInput(target, EVENT, CONTEXT);
}

function transformed(InputTemplate: string, InputPathsMap: Record<string, string> = PATHS): string {
  return input({ Id: "t", Arn: "arn", InputTransformer: { InputTemplate, InputPathsMap } });
}

describe("without a transformer a target gets", () => {
  test("the event", () => {
    expect(input({ Id: "t", Arn: "arn" })).toBe(JSON.stringify(EVENT));
  });

  test.each([
    ["$", EVENT],
    ["$.detail", EVENT.detail],
    ["$.detail.instance-id", "i-0123456789"],
    ["$.detail-type", "EC2 Instance State-change Notification"],
    ["$.detail.nothing", null],
    ["$.resources", EVENT.resources],
    ["$.resources[0]", EVENT.resources[0]],
    ["$.detail.object.a[1]", "b"],
  ])("the part of InputPath %s", (InputPath, part) => {
    expect(input({ Id: "t", Arn: "arn", InputPath })).toBe(JSON.stringify(part));
  });

  test.each(["$.absent", "$.resources[1]", "$.detail[0]", "$.resources.0", "$.time.year", "$.detail.constructor"])(
    "no part of InputPath %s, which leads to nothing",
    (InputPath) => {
      expect(() => input({ Id: "t", Arn: "arn", InputPath })).toThrow(
        `The InputPath ${InputPath} leads to nothing in the event, and AWS does not say what the target gets then`,
      );
    },
  );

  test("the constant of Input, as it is written", () => {
    expect(input({ Id: "t", Arn: "arn", Input: '{ "a" : 1 }' })).toBe('{ "a" : 1 }');
    expect(() => input({ Id: "t", Arn: "arn", Input: "{" })).toThrow("The input of the target is not JSON: {");
  });

  test("not two of them", () => {
    expect(() => input({ Id: "t", Arn: "arn", Input: "1", InputPath: "$" })).toThrow(
      "Target t has Input and InputPath; at most one of Input, InputPath and InputTransformer may be set",
    );
  });
});

test.each(["", "detail", "$detail", "$.", "$..a", "$.detail['instance-id']", "$.a[*]", "$.*", "$.a[-1]", "$.a b"])(
  "the path %j is refused",
  (path) => {
    expect(() => transformed('"<x>"', { x: path })).toThrow(
      `The JSON path "${path}" must be $, followed by members in dot notation (letters, digits, -, _ and /) and indices, such as ` +
        "$.detail.object.version-id or $.resources[0]; local/ evaluates no others",
    );
  },
);

describe("a template", () => {
  test.each([
    ["a simple string", '"instance <instance> is in <state>"', '"instance i-0123456789 is in RUNNING"'],
    [
      "a string with escaped quotes",
      String.raw`"instance \"<instance>\" is in <state>"`,
      String.raw`"instance \"i-0123456789\" is in RUNNING"`,
    ],
    ["simple JSON", '{"instance" : <instance>, "state": <state>}', '{"instance" : "i-0123456789", "state": "RUNNING"}'],
    [
      "JSON with strings and variables",
      String.raw`{"state": "<state>", "instanceStatus": "instance \"<instance>\" is in <state>"}`,
      String.raw`{"state": "RUNNING", "instanceStatus": "instance \"i-0123456789\" is in RUNNING"}`,
    ],
    [
      "variables and static information",
      '{"state": [ 9, <state>, true ], "Transformed" : "Yes"}',
      '{"state": [ 9, "RUNNING", true ], "Transformed" : "Yes"}',
    ],
    ["a reserved variable in a string", '"<aws.events.rule-name> triggered"', '"example triggered"'],
    ["an element of an array", "[<resource>]", '["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"]'],
    ["numbers, null and objects", "[<number>,<nothing>,<object>]", '[5,null,{"a":[1,"b"]}]'],
    ["a number in a string", '"<number> of <number>"', '"5 of 5"'],
    ["what is absent, in quotes", '{"value":"<absent>"}', '{"value":""}'],
    ["what is absent, beside other text", '"a<absent>b"', '"ab"'],
    ["a backslash at the end of a string", String.raw`["\\",<state>]`, String.raw`["\\","RUNNING"]`],
    ["angle brackets in JSON's other spelling", String.raw`"\u003cstate\u003e"`, String.raw`"\u003cstate\u003e"`],
    ["white space", "\n <state> \n", '\n "RUNNING" \n'],
  ])("%s", (_name, template, expected) => {
    expect(transformed(template)).toBe(expected);
  });

  test("has the predefined variables", () => {
    const template =
      '{"ruleArn":<aws.events.rule-arn>,"ruleName":"<aws.events.rule-name>","time":<aws.events.event.ingestion-time>,' +
      '"envelope":<aws.events.event>,"event":<aws.events.event.json>}';
    const { detail, ...envelope } = EVENT;

    expect(JSON.parse(transformed(template, {}))).toEqual({
      ruleArn: CONTEXT.ruleArn,
      ruleName: "example",
      time: "2015-11-11T21:29:55.123Z",
      envelope,
      event: { ...envelope, detail },
    });
  });

  test.each([
    ["what is absent, without quotes", '{"value":<absent>}', '{"value":}'],
    ["an object in quotes", '"<object>"', '"{"a":[1,"b"]}"'],
    ["no JSON", "<instance> is in <state>", '"i-0123456789" is in "RUNNING"'],
  ])("that does not become JSON: %s", (_name, template, text) => {
    expect(() => transformed(template)).toThrow(`The input of the target is not JSON: ${text}`);
  });

  test("does not escape what it takes from the event: a quote in a value breaks the JSON, or says what it wants", () => {
    const template = '{"environmentVariablesOverride":[{"name":"DROP_KEY","value":"<key>"}]}';
    const withKey = (key: string): string => {
      const InputTransformer = { InputTemplate: template, InputPathsMap: { key: "$.detail.key" } };
      return targetInput({ Id: "t", Arn: "arn", InputTransformer }, { detail: { key } }, CONTEXT);
    };

    expect(() => withKey('a".zip')).toThrow("The input of the target is not JSON");
    expect(() => withKey("a\\.zip")).toThrow("The input of the target is not JSON");
    expect(JSON.parse(withKey('a"},{"name":"ROLE","value":"admin'))).toEqual({
      environmentVariablesOverride: [
        { name: "DROP_KEY", value: "a" },
        { name: "ROLE", value: "admin" },
      ],
    });
  });

  test("puts any value in as JSON where it stands outside of quotes", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const detail = JSON.parse(JSON.stringify({ value })) as { value: typeof value };
        const InputTransformer = { InputTemplate: '{"v":<v>}', InputPathsMap: { v: "$.detail.value" } };
        const text = targetInput({ Id: "t", Arn: "arn", InputTransformer }, { detail } as never, CONTEXT);
        expect(JSON.parse(text)).toEqual({ v: detail.value });
      }),
    );
  });

  test.each([
    [
      '"<other>"',
      {},
      "The template has the placeholder <other>, which is neither in the InputPathsMap nor predefined (aws.events.rule-arn, " +
        "aws.events.rule-name, aws.events.event.ingestion-time, aws.events.event, aws.events.event.json)",
    ],
    [
      '"a < b"',
      {},
      "The template has a < at character 4 that belongs to no placeholder, and AWS has no escape for it; in a JSON string, write \\u003c",
    ],
    [
      '"a > b"',
      {},
      "The template has a > at character 4 that belongs to no placeholder, and AWS has no escape for it; in a JSON string, write \\u003e",
    ],
    ['{"<state>" : 1}', PATHS, "A placeholder of the template is part of an object's key, which AWS refuses"],
    ["", {}, "The template has 0 characters; it must have 1 to 8192"],
    [`"${"x".repeat(8191)}"`, {}, "The template has 8193 characters; it must have 1 to 8192"],
    ['"x"', { "aws.x": "$" }, 'The variable "aws.x" of the InputPathsMap must be 1 to 256 letters, digits, - or _'],
    [
      '"x"',
      Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`v${index}`, "$"])),
      "The InputPathsMap has 101 paths; it must have at most 100",
    ],
  ])("that PutTargets refuses: %j", (template, paths, message) => {
    expect(() => transformed(template, paths)).toThrow(message);
  });

  test("may be as large as AWS lets it be", () => {
    const paths = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`v${index}`, "$.time"]));
    const template = `"<v99>${"x".repeat(8192 - '"<v99>"'.length)}"`;

    expect(transformed(template, paths)).toBe(template.replace("<v99>", EVENT.time));
  });
});
