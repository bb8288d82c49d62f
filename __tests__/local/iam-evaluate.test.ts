import { evaluate, type Request, type Requester } from "../../local/iam/evaluate";
import { parsePolicy, type PolicyKind } from "../../local/iam/policy";
import { thrownBy } from "../support/thrown";

const QUEUE = "arn:aws:sqs:us-east-1:111122223333:images_drops";
const BUCKET = "arn:aws:s3:::image-drops";
const ROLE: Requester = {
  roleArn: "arn:aws:iam::111122223333:role/images_build",
  sessionArn: "arn:aws:sts::111122223333:assumed-role/images_build/AWSCodeBuild-1",
};
const S3: Requester = { service: "s3.amazonaws.com" };

interface Asked {
  readonly requester?: Requester;
  readonly action?: string;
  readonly resource?: string;
  readonly context?: Readonly<Record<string, string>>;
}

function request({ requester = ROLE, action = "sqs:SendMessage", resource = QUEUE, context = {} }: Asked): Request {
  return { requester, action, resource, context: new Map(Object.entries(context)) };
}

function policy(kind: PolicyKind, ...statements: readonly object[]) {
  return parsePolicy(kind, "policy of this test", JSON.stringify({ Version: "2012-10-17", Statement: statements }));
}

const SEND = { Sid: "Send", Effect: "Allow", Action: "sqs:SendMessage", Resource: QUEUE };

/** Whether one statement of a role's policy allows it. */
function allows(changes: object, asked: Asked = {}): boolean {
  return evaluate(request(asked), [policy("identity", { ...SEND, ...changes })]).allowed;
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html */
describe("who is allowed within an account", () => {
  const byRole = policy("identity", SEND);
  const byQueue = policy("resource", { ...SEND, Principal: "*" });
  const denial = { ...SEND, Sid: "Never", Effect: "Deny" };

  test.each([
    ["a role by its own policy", ROLE, [byRole], true],
    ["a role by the resource's policy", ROLE, [byQueue], true],
    ["a role by nothing", ROLE, [], false],
    ["a service by the resource's policy", S3, [byQueue], true],
    ["a service never by the policy of a role", S3, [byRole], false],
    ["nobody that the role's policy denies", ROLE, [byQueue, policy("identity", denial)], false],
    [
      "nobody that the resource's policy denies",
      ROLE,
      [byRole, policy("resource", { ...denial, Principal: "*" })],
      false,
    ],
  ] as const)("%s: %#", (_case, requester, policies, allowed) => {
    expect(evaluate(request({ requester }), policies).allowed).toBe(allowed);
  });

  test("the decision names the statement: the one that allows, the one that denies, or none", () => {
    const both = policy("identity", SEND, denial);
    expect(evaluate(request({}), [byRole])).toMatchObject({ allowed: true, policy: byRole, statement: { id: "Send" } });
    expect(evaluate(request({}), [byRole, both])).toMatchObject({
      allowed: false,
      policy: both,
      statement: { id: "Never" },
    });
    expect(evaluate(request({ action: "sqs:PurgeQueue" }), [byRole])).toStrictEqual({ allowed: false });
  });

  test("a statement without a Sid is named by its place", () => {
    const unnamed = policy("identity", { ...SEND, Sid: undefined, Action: "sqs:PurgeQueue" }, { ...SEND, Sid: "" });
    expect(evaluate(request({}), [unnamed])).toMatchObject({ statement: { id: "#2" } });
  });
});

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html */
describe("Principal", () => {
  const isMeant = (Principal: unknown, requester: Requester) =>
    evaluate(request({ requester }), [policy("resource", { ...SEND, Principal })]).allowed;

  test.each([
    ["*", S3, true],
    ["*", ROLE, true],
    [{ AWS: "*" }, S3, true],
    [{ Service: "s3.amazonaws.com" }, S3, true],
    [{ Service: ["sns.amazonaws.com", "s3.amazonaws.com"] }, S3, true],
    [{ Service: "sns.amazonaws.com" }, S3, false],
    [{ Service: "S3.amazonaws.com" }, S3, false],
    [{ Service: "s3.amazonaws.com" }, ROLE, false],
    [{ AWS: "arn:aws:iam::111122223333:role/images_build" }, ROLE, true],
    [{ AWS: "arn:aws:sts::111122223333:assumed-role/images_build/AWSCodeBuild-1" }, ROLE, true],
    [{ AWS: "arn:aws:sts::111122223333:assumed-role/images_build/AWSCodeBuild-2" }, ROLE, false],
    [{ AWS: ["arn:aws:iam::111122223333:role/other"], Service: "s3.amazonaws.com" }, ROLE, false],
    [{ AWS: ["arn:aws:iam::111122223333:role/other"], Service: "s3.amazonaws.com" }, S3, true],
  ])("%j and %j: %s", (principal, requester, meant) => {
    expect(isMeant(principal, requester)).toBe(meant);
  });

  test("a trust policy speaks of its role", () => {
    const trust = policy("trust", {
      Effect: "Allow",
      Principal: { Service: "lambda.amazonaws.com" },
      Action: "sts:AssumeRole",
    });
    const assume = { action: "sts:AssumeRole", resource: "arn:aws:iam::111122223333:role/any" };
    expect(evaluate(request({ requester: { service: "lambda.amazonaws.com" }, ...assume }), [trust]).allowed).toBe(
      true,
    );
    expect(evaluate(request({ requester: S3, ...assume }), [trust]).allowed).toBe(false);
  });
});

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html */
test.each([
  ["sqs:SendMessage", true],
  ["SQS:sendmessage", true],
  ["sqs:*", true],
  ["*", true],
  ["sqs:Send*", true],
  ["sqs:*Message", true],
  ["sqs:SendMessag?", true],
  ["sqs:SendMessage?", false],
  ["sqs:SendMessageBatch", false],
  ["sqs:Send", false],
  ["sns:*", false],
  ["sqs.SendMessage", false],
  [["sns:Publish", "sqs:SendMessage"], true],
  [["sns:Publish", "sqs:GetQueueUrl"], false],
])("Action %j: %s", (Action, allowed) => {
  expect(allows({ Action })).toBe(allowed);
});

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html */
test.each([
  [QUEUE, QUEUE, true],
  ["*", QUEUE, true],
  [["arn:aws:sqs:us-east-1:111122223333:other", QUEUE], QUEUE, true],
  ["arn:aws:sqs:us-east-1:111122223333:images_DROPS", QUEUE, false],
  ["arn:aws:sqs:us-east-1:111122223333:images_", QUEUE, false],
  ["arn:aws:sqs:us-east-1:111122223333:images_*", QUEUE, true],
  ["arn:aws:sqs:us-east-1:111122223333:images_*", "arn:aws:sqs:us-east-1:111122223333:images-eu_drops", false],
  ["arn:aws:sqs:*:111122223333:images_drops", QUEUE, true],
  // A wildcard within a segment stays there; one that ends it may go on.
  ["arn:aws:sqs:us-*-1:111122223333:images_drops", QUEUE, true],
  ["arn:aws:sqs:u*1:111122223333:images_drops", "arn:aws:sqs:us-east-1:1:111122223333:images_drops", false],
  ["arn:aws:sqs:us*:images_drops", QUEUE, true],
  ["arn:aws:sqs:*", QUEUE, true],
  [`${BUCKET}/*`, `${BUCKET}/a/b:c/d.zip`, true],
  [`${BUCKET}/*`, BUCKET, false],
  [`${BUCKET}*`, `${BUCKET}-of-another/x`, true],
  [`${BUCKET}/*/api.zip`, `${BUCKET}/a/b/api.zip`, true],
  [`${BUCKET}/*/api.zip`, `${BUCKET}/a:b/api.zip`, false],
  [`${BUCKET}/?.zip`, `${BUCKET}/a.zip`, true],
  [`${BUCKET}/?.zip`, `${BUCKET}/ab.zip`, false],
  [`${BUCKET}/?.zip`, `${BUCKET}/\u{1F600}.zip`, true],
  [`${BUCKET}/a.zip`, `${BUCKET}/aXzip`, false],
  [`${BUCKET}/a+(b)[c].zip`, `${BUCKET}/a+(b)[c].zip`, true],
  [`${BUCKET}/line\nbreak*`, `${BUCKET}/line\nbreak\n.zip`, true],
  [
    "arn:aws:logs:us-east-1:111122223333:log-group:/aws/codebuild/images_builds:log-stream:api/*",
    "arn:aws:logs:us-east-1:111122223333:log-group:/aws/codebuild/images_builds:log-stream:api/1",
    true,
  ],
  [
    "arn:aws:logs:us-east-1:111122223333:log-group:/aws/codebuild/images_builds:log-stream:api/*",
    "arn:aws:logs:us-east-1:111122223333:log-group:/aws/codebuild/images_builds:log-stream:web/1",
    false,
  ],
])("Resource %j and %s: %s", (Resource, resource, allowed) => {
  expect(allows({ Resource }, { resource })).toBe(allowed);
});

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars */
test.each([
  ["drops/${*}/a${?}b${$}c.zip", "drops/*/a?b$c.zip", true],
  ["drops/${*}/a${?}b${$}c.zip", "drops/x/a?b$c.zip", false],
  ["drops/${*}/a${?}b${$}c.zip", "drops/*/aXb$c.zip", false],
  ["${*}*", "*anything", true],
  ["${*}*", "anything", false],
  ["a$b$", "a$b$", true],
  ["${$}{aws:username}", "${aws:username}", true],
])("%s stands for itself in a Resource, with %s: %s", (key, object, allowed) => {
  expect(allows({ Resource: `${BUCKET}/${key}` }, { resource: `${BUCKET}/${object}` })).toBe(allowed);
});

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html */
describe("Condition", () => {
  const PROJECT = "arn:aws:codebuild:us-east-1:111122223333:project/images_api";

  test.each([
    ["StringEquals", "111122223333", "111122223333", true],
    ["StringEquals", ["1", "111122223333"], "111122223333", true],
    ["StringEquals", "1111*", "111122223333", false],
    ["StringEquals", "${*}", "*", true],
    ["StringEquals", "Images", "images", false],
    ["StringLike", "1111*", "111122223333", true],
    ["StringLike", "1111?2223333", "111122223333", true],
    ["StringLike", "1111", "111122223333", false],
    ["StringLike", "*:*", "a:b:c", true],
    ["StringLike", ["drops/*", "api.zip"], "api.zip", true],
    ["StringLike", "", "", true],
  ])("%s %j, given %s: %s", (operator, values, given, allowed) => {
    const Condition = { [operator]: { "aws:SourceAccount": values } };
    expect(allows({ Condition }, { context: { "aws:sourceaccount": given } })).toBe(allowed);
  });

  test.each([
    [PROJECT, PROJECT, true],
    ["arn:aws:codebuild:us-east-1:111122223333:project/images_*", PROJECT, true],
    [
      "arn:aws:codebuild:us-east-1:111122223333:project/images_*",
      "arn:aws:codebuild:us-east-1:111122223333:project/images-eu_api",
      false,
    ],
    ["arn:aws:codebuild:*:*:project/images_ap?", PROJECT, true],
    ["arn:aws:codebuild:us-east-1:111122223333:build/*", PROJECT, false],
    // AWS's own example: the asterisk would have to reach over three components.
    [
      "arn:aws:someservice:*:111122223333:finance/*",
      "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt",
      false,
    ],
    [
      "arn:aws:someservice:*:999999999999:*",
      "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt",
      true,
    ],
    // All six must be there.
    ["arn:aws:codebuild:*", PROJECT, false],
    ["*", PROJECT, false],
    ["arn:aws:s3:::image-*", BUCKET, true],
    ["arn:aws:s3:*:*:image-*", BUCKET, true],
    ["arn:aws:s3:::${*}", BUCKET, false],
    [BUCKET, "image-drops", false],
  ])("ArnLike and ArnEquals %s, given %s: %s", (pattern, given, allowed) => {
    for (const operator of ["ArnLike", "ArnEquals"]) {
      const Condition = { [operator]: { "aws:SourceArn": pattern } };
      expect(allows({ Condition }, { context: { "aws:sourcearn": given } })).toBe(allowed);
    }
  });

  test.each([
    ["true", "true", true],
    ["TRUE", "true", true],
    ["false", "true", false],
    ["false", "false", true],
  ])("Bool %s, given %s: %s", (wanted, given, allowed) => {
    const Condition = { Bool: { "aws:SecureTransport": wanted } };
    expect(allows({ Condition }, { context: { "aws:securetransport": given } })).toBe(allowed);
  });

  test("keys are compared without their case", () => {
    const Condition = { StringEquals: { "AWS:SourceAccount": "1", "aws:resourceTAG/My:Tag": "x" } };
    expect(allows({ Condition }, { context: { "aws:sourceaccount": "1", "aws:resourcetag/my:tag": "x" } })).toBe(true);
  });

  test("every operator and every key must hold", () => {
    const Condition = {
      ArnLike: { "aws:SourceArn": BUCKET },
      StringEquals: { "aws:SourceAccount": "1", "s3:prefix": "api.zip" },
    };
    const context = { "aws:sourcearn": BUCKET, "aws:sourceaccount": "1", "s3:prefix": "api.zip" };
    expect(allows({ Condition }, { context })).toBe(true);
    for (const key of Object.keys(context))
      expect(allows({ Condition }, { context: { ...context, [key]: "2" } })).toBe(false);
  });

  test.each(["StringEquals", "StringLike", "ArnLike", "ArnEquals", "Bool"])(
    "%s on a key that the request does not carry never holds, whether it would allow or deny",
    (operator) => {
      const Condition = { [operator]: { "aws:SourceOwner": "*" } };
      expect(allows({ Condition })).toBe(false);
      expect(evaluate(request({}), [policy("identity", SEND, { ...SEND, Effect: "Deny", Condition })]).allowed).toBe(
        true,
      );
    },
  );
});

describe("what is not understood is refused", () => {
  const END = ", which local/iam does not evaluate. Write the policy without it, or teach it to local/iam/policy.ts";

  test.each([
    [{ Effect: "allow" }, 'Effect is "allow"'],
    [{ Effect: undefined }, "Effect is undefined"],
    [{ Sid: 1 }, "Sid is 1", "#1"],
    [{ NotAction: "sqs:*" }, "NotAction is there"],
    [{ NotResource: "*" }, "NotResource is there"],
    [{ NotPrincipal: "*" }, "NotPrincipal is there"],
    [{ action: "sqs:*" }, "action is there"],
    [{ Action: undefined }, "Action is missing"],
    [{ Action: [] }, "Action is empty"],
    [{ Action: [1] }, "Action holds 1"],
    [{ Resource: undefined }, "Resource is missing"],
    [{ Resource: "arn:aws:s3:::home/${aws:username}" }, "Resource holds the policy variable ${aws:username}"],
    [{ Resource: "arn:aws:s3:::home/${}" }, "Resource holds the policy variable ${}"],
    [{ Principal: "*" }, "Principal stands in a policy of a role"],
    [{ Condition: [] }, "Condition is []"],
    [{ Condition: { StringNotEquals: { "aws:SourceAccount": "1" } } }, "Condition uses the operator StringNotEquals"],
    [{ Condition: { StringEqualsIfExists: {} } }, "Condition uses the operator StringEqualsIfExists"],
    [{ Condition: { "ForAnyValue:StringLike": {} } }, "Condition uses the operator ForAnyValue:StringLike"],
    [{ Condition: { toString: {} } }, "Condition uses the operator toString"],
    [{ Condition: { StringEquals: "x" } }, 'Condition.StringEquals is "x"'],
    [
      { Condition: { StringEquals: { "aws:PrincipalOrgID": "o-1" } } },
      "Condition.StringEquals looks at aws:PrincipalOrgID",
    ],
    [
      { Condition: { StringEquals: { "s3:prefix": "${s3:prefix}" } } },
      "Condition.StringEquals.s3:prefix holds the policy variable ${s3:prefix}",
    ],
    [{ Condition: { Bool: { "aws:SecureTransport": false } } }, "Condition.Bool.aws:SecureTransport holds false"],
    [{ Condition: { StringLike: { "s3:prefix": [] } } }, "Condition.StringLike.s3:prefix is empty"],
  ])("%j", (changes, found, statement = "Send") => {
    expect(refusal(() => policy("identity", { ...SEND, ...changes }))).toBe(
      `UnsupportedPolicyError: policy of this test, statement ${statement}: ${found}${END}`,
    );
  });

  test.each([
    ["resource", { Principal: undefined }, "Principal is missing"],
    ["resource", { Principal: "s3.amazonaws.com" }, 'Principal is "s3.amazonaws.com"'],
    ["resource", { Principal: { Federated: "x" } }, "Principal.Federated is there"],
    ["resource", { Principal: { CanonicalUser: "x" } }, "Principal.CanonicalUser is there"],
    ["resource", { Principal: { Service: "*" } }, 'Principal.Service is "*"'],
    ["resource", { Effect: "Deny", Principal: { AWS: "111122223333" } }, 'Principal.AWS is "111122223333"'],
    [
      "resource",
      { Principal: { AWS: "arn:aws:iam::111122223333:role/*" } },
      'Principal.AWS is "arn:aws:iam::111122223333:role/*"',
    ],
    ["trust", { Principal: "*" }, "Resource stands in a trust policy"],
    ["repository", { Principal: "*" }, "Resource stands in a repository policy"],
  ] as const)("in a %s policy: %j", (kind, changes, found) => {
    expect(refusal(() => policy(kind, { ...SEND, ...changes }))).toBe(
      `UnsupportedPolicyError: policy of this test, statement Send: ${found}${END}`,
    );
  });

  test.each([
    ["{", "the document is no JSON"],
    ["[]", "the document is []"],
    ['{"Version":"2012-10-17","Statements":[]}', "Statements is there"],
    ['{"Version":"2020-01-01","Statement":[]}', 'Version is "2020-01-01"'],
    ['{"Id":1,"Statement":[]}', "Id is 1"],
  ])("as a document: %s", (text, found) => {
    expect(refusal(() => parsePolicy("identity", "policy of this test", text))).toBe(
      `UnsupportedPolicyError: policy of this test: ${found}${END}`,
    );
  });

  test("a document without statements, too", () => {
    expect(refusal(() => parsePolicy("identity", "policy of this test", "{}"))).toBe(
      `UnsupportedPolicyError: policy of this test, statement #1: Statement is missing${END}`,
    );
  });
});

test("one statement need not stand in a list, and the policy that SNS gives each topic is understood", () => {
  const one = parsePolicy("identity", "one", JSON.stringify({ Version: "2012-10-17", Statement: SEND }));
  expect(evaluate(request({}), [one]).allowed).toBe(true);
  const topic = "arn:aws:sns:us-east-1:111122223333:events";
  const theirs = parsePolicy(
    "resource",
    "theirs",
    JSON.stringify({
      Version: "2008-10-17",
      Id: "__default_policy_ID",
      Statement: [
        {
          Sid: "__default_statement_ID",
          Effect: "Allow",
          Principal: { AWS: "*" },
          Action: ["SNS:GetTopicAttributes", "SNS:Publish"],
          Resource: topic,
          Condition: { StringEquals: { "AWS:SourceOwner": "111122223333" } },
        },
      ],
    }),
  );
  const publish = { requester: S3, action: "sns:Publish", resource: topic };
  expect(evaluate(request({ ...publish, context: { "aws:sourceaccount": "111122223333" } }), [theirs]).allowed).toBe(
    false,
  );
});

function refusal(parse: () => unknown): string {
  return String(thrownBy(parse));
}
