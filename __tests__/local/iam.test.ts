import { startIam, type Iam, type Principal } from "../../local/iam";
import { AccessDeniedError } from "../../local/iam/errors";
import { documentOf, FakePolicies, roleArn } from "../support/fake-policies";

const QUEUE = "arn:aws:sqs:us-east-1:123456789012:drops";
const TOPIC = "arn:aws:sns:us-east-1:123456789012:drops";
const FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:start-build";
const BUCKET = "arn:aws:s3:::image-drops";
const REPOSITORY = "arn:aws:ecr:us-east-1:123456789012:repository/team/api";
const S3: Principal = { service: "s3.amazonaws.com", sourceArn: BUCKET, sourceAccount: "123456789012" };
const BUILD: Principal = { roleArn: roleArn("build"), sessionName: "AWSCodeBuild-1" };
const USER = "User: arn:aws:sts::123456789012:assumed-role/build/AWSCodeBuild-1";

let aws: FakePolicies;
let iam: Iam;
let now: number;

beforeAll(async () => {
  aws = await new FakePolicies().start();
});
afterAll(() => aws.close());
beforeEach(() => {
  for (const state of [aws.roles, aws.managed, aws.resources, aws.tags]) state.clear();
  aws.calls.length = 0;
  now = 0;
  iam = startIam({ endpoint: aws.endpoint, region: "us-east-1", now: () => now });
});
afterEach(() => iam.close());

/** "allowed", or the whole message of the refusal. */
async function decision(principal: Principal, action: string, resource: string, context = {}): Promise<string> {
  try {
    await iam.authorize({ principal, action, resource, context });
    return "allowed";
  } catch (error) {
    return (error as Error).message;
  }
}

describe("a service, by the policy of the resource", () => {
  const FROM_BUCKET = {
    Condition: {
      ArnLike: { "AWS:SourceArn": BUCKET },
      StringEquals: { "AWS:SourceAccount": "123456789012" },
    },
  };

  test.each([
    ["a queue", "drops", QUEUE, "sqs:SendMessage"],
    ["a topic", TOPIC, TOPIC, "sns:Publish"],
    ["a function", "start-build", FUNCTION, "lambda:InvokeFunction"],
    ["a bucket, for an object of it", "image-drops", `${BUCKET}/logs/1`, "s3:PutObject"],
    ["a repository", "team/api", REPOSITORY, "ecr:BatchGetImage"],
  ])("%s", async (_what, name, resource, action) => {
    const because = `because no resource-based policy allows the ${action} action`;
    const denied = (who: string) =>
      `Service: s3.amazonaws.com for ${who} is not authorized to perform: ${action} on resource: ${resource} ${because}`;

    expect(await decision(S3, action, resource)).toBe(denied(BUCKET));
    now += 1000;
    aws.resources.set(name, "");
    expect(await decision(S3, action, resource)).toBe(denied(BUCKET));
    now += 1000;
    const statement = {
      Effect: "Allow",
      Principal: { Service: "s3.amazonaws.com" },
      Action: action,
      // ECR's policies name no resource: https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policies.html
      ...(resource !== REPOSITORY && { Resource: resource }),
    };
    aws.resources.set(name, documentOf({ ...statement, ...FROM_BUCKET }));
    expect(await decision(S3, action, resource)).toBe("allowed");
    expect(await decision({ ...S3, sourceArn: "arn:aws:s3:::other" }, action, resource)).toBe(
      denied("arn:aws:s3:::other"),
    );
    expect(await decision({ ...S3, sourceAccount: "1" }, action, resource)).toBe(denied(BUCKET));
    expect(await decision({ service: "s3.amazonaws.com" }, action, resource)).toBe(
      denied(BUCKET).replace(` for ${BUCKET}`, ""),
    );
  });

  test("what a call says is compared, too", async () => {
    aws.resources.set(
      "trail",
      documentOf({
        Effect: "Allow",
        Principal: { Service: "cloudtrail.amazonaws.com" },
        Action: "s3:PutObject",
        Resource: "arn:aws:s3:::trail/*",
        Condition: { StringEquals: { "s3:x-amz-acl": "bucket-owner-full-control" } },
      }),
    );
    const trail = { service: "cloudtrail.amazonaws.com" };
    const acl = { "s3:x-amz-acl": "bucket-owner-full-control" };
    expect(await decision(trail, "s3:PutObject", "arn:aws:s3:::trail/x", acl)).toBe("allowed");
    expect(await decision(trail, "s3:PutObject", "arn:aws:s3:::trail/x")).toBe(
      "Service: cloudtrail.amazonaws.com is not authorized to perform: s3:PutObject on resource: arn:aws:s3:::trail/x " +
        "because no resource-based policy allows the s3:PutObject action",
    );
  });
});

describe("a role", () => {
  const SEND = { Sid: "Send", Effect: "Allow", Action: "sqs:SendMessage", Resource: QUEUE };
  const because = "because no identity-based policy allows the sqs:SendMessage action";

  test("by one of its own policies, inline or attached", async () => {
    aws.resources.set("drops", "");
    aws.role("build", { inline: { log: documentOf(), send: documentOf(SEND) } });
    expect(await decision(BUILD, "sqs:SendMessage", QUEUE)).toBe("allowed");
    expect(await decision(BUILD, "sqs:PurgeQueue", QUEUE)).toBe(
      `${USER} is not authorized to perform: sqs:PurgeQueue on resource: ${QUEUE} ` +
        "because no identity-based policy allows the sqs:PurgeQueue action",
    );
    now += 1000;
    const managed = "arn:aws:iam::123456789012:policy/send";
    aws.managed.set(managed, documentOf(SEND));
    aws.role("build", { attached: [managed] });
    expect(await decision(BUILD, "sqs:SendMessage", QUEUE)).toBe("allowed");
  });

  test("by the policy of the resource", async () => {
    aws.role("build");
    aws.resources.set("drops", documentOf({ ...SEND, Principal: { AWS: roleArn("build") } }));
    expect(await decision(BUILD, "sqs:SendMessage", QUEUE)).toBe("allowed");
    aws.role("other");
    expect(await decision({ roleArn: roleArn("other") }, "sqs:SendMessage", QUEUE)).toBe(
      "User: arn:aws:sts::123456789012:assumed-role/other/session is not authorized to perform: sqs:SendMessage " +
        `on resource: ${QUEUE} ${because}`,
    );
  });

  test("that is not there may do nothing", async () => {
    aws.resources.set("drops", "");
    expect(await decision(BUILD, "sqs:SendMessage", QUEUE)).toBe(
      `${USER} is not authorized to perform: sqs:SendMessage on resource: ${QUEUE} ${because}`,
    );
  });

  test("never against a denial; the message says whose", async () => {
    const never = { ...SEND, Sid: "Never", Effect: "Deny" };
    aws.role("build", { inline: { send: documentOf(SEND, never) } });
    aws.resources.set("drops", "");
    expect(await decision(BUILD, "sqs:SendMessage", QUEUE)).toBe(
      `${USER} is not authorized to perform: sqs:SendMessage on resource: ${QUEUE} ` +
        "with an explicit deny in an identity-based policy (statement Never, policy send of role build)",
    );
    now += 1000;
    aws.role("build", { inline: { send: documentOf(SEND) } });
    aws.resources.set("drops", documentOf({ ...never, Principal: "*" }));
    expect(await decision(BUILD, "sqs:SendMessage", QUEUE)).toBe(
      `${USER} is not authorized to perform: sqs:SendMessage on resource: ${QUEUE} ` +
        `with an explicit deny in a resource-based policy (statement Never, policy of ${QUEUE})`,
    );
  });

  test("over TLS: plain HTTP stands for it", async () => {
    aws.role("build", { inline: { send: documentOf(SEND) } });
    const Condition = { Bool: { "aws:SecureTransport": "false" } };
    aws.resources.set(
      "drops",
      documentOf({ Effect: "Deny", Principal: "*", Action: "sqs:*", Resource: QUEUE, Condition }),
    );
    expect(await decision(BUILD, "sqs:SendMessage", QUEUE)).toBe("allowed");
  });

  test("on repositories that carry a tag", async () => {
    const Condition = { StringEquals: { "aws:ResourceTag/My:Pipeline": "images" } };
    const push = { Effect: "Allow", Action: "ecr:PutImage", Resource: "arn:aws:ecr:*", Condition };
    aws.role("build", { inline: { push: documentOf(push) } });
    aws.resources.set("team/api", "");
    aws.tags.set(REPOSITORY, { "My:Pipeline": "images" });
    aws.tags.set(`${REPOSITORY}-2`, { "My:Pipeline": "other" });
    expect(await decision(BUILD, "ecr:PutImage", REPOSITORY)).toBe("allowed");
    for (const other of [`${REPOSITORY}-2`, `${REPOSITORY}-3`]) {
      expect(await decision(BUILD, "ecr:PutImage", other)).toMatch(/^User: .* because no identity-based policy allows/);
    }
  });

  test("on what has no policy of its own, and on what is not known to have one", async () => {
    aws.role("build", { inline: { all: documentOf({ Effect: "Allow", Action: "*", Resource: "*" }) } });
    expect(await decision(BUILD, "ecr:GetAuthorizationToken", "*")).toBe("allowed");
    expect(await decision(BUILD, "codebuild:StartBuild", "arn:aws:codebuild:us-east-1:123456789012:project/a")).toBe(
      "allowed",
    );
    expect(
      await decision(BUILD, "logs:PutLogEvents", "arn:aws:logs:us-east-1:123456789012:log-group:g:log-stream:s"),
    ).toBe("allowed");
    expect(await decision(BUILD, "kms:Decrypt", "arn:aws:kms:us-east-1:123456789012:key/1")).toBe(
      "local/iam does not know whether arn:aws:kms:us-east-1:123456789012:key/1 has a policy of its own. " +
        "Teach it to local/iam/sources.ts, or leave the call out",
    );
  });
});

describe("policies are read back", () => {
  const ALL = documentOf({ Effect: "Allow", Action: "*", Resource: "*" });
  const start = () => decision(BUILD, "codebuild:StartBuild", "arn:aws:codebuild:us-east-1:123456789012:project/a");

  test("once a second, and once for all who ask meanwhile", async () => {
    const role = aws.role("build", { inline: { all: ALL } });
    expect(await Promise.all([start(), start()])).toStrictEqual(["allowed", "allowed"]);
    now += 999;
    expect(await start()).toBe("allowed");
    const READS = ["GetRole", "GetRolePolicy", "ListAttachedRolePolicies", "ListRolePolicies"];
    expect(aws.calls.toSorted()).toStrictEqual(READS);
    aws.role("build");
    expect(await start()).toBe("allowed");
    now += 1;
    expect(await start()).not.toBe("allowed");
    expect(role).toBe(roleArn("build"));
  });

  test("again at once after a failure", async () => {
    aws.role("build", { inline: { all: "{" } });
    expect(await start()).toBe(
      "Nobody knows whether User: arn:aws:sts::123456789012:assumed-role/build/AWSCodeBuild-1 may perform codebuild:StartBuild on " +
        "resource arn:aws:codebuild:us-east-1:123456789012:project/a: policy all of role build: the document is no JSON, which local/iam does not evaluate. Write the policy without it, " +
        "or teach it to local/iam/policy.ts",
    );
    aws.role("build", { inline: { all: ALL } });
    expect(await start()).toBe("allowed");
  });
});

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-services */
describe("assuming a role", () => {
  const PROJECT = "arn:aws:codebuild:us-east-1:123456789012:project/images_api";
  const CODEBUILD = { service: "codebuild.amazonaws.com", sourceArn: PROJECT, sourceAccount: "123456789012" };
  const TRUST = {
    Sid: "Assume",
    Effect: "Allow",
    Principal: { Service: "codebuild.amazonaws.com" },
    Action: "sts:AssumeRole",
    Condition: {
      ArnLike: { "aws:SourceArn": "arn:aws:codebuild:us-east-1:123456789012:project/images_*" },
      StringEquals: { "aws:SourceAccount": "123456789012" },
    },
  };
  const refusal = (who: string) =>
    `Service: ${who} is not authorized to perform: sts:AssumeRole on resource: ${roleArn("build")} ` +
    "because no role trust policy allows the sts:AssumeRole action";

  test("gives a trusted service credentials that tell whose they are", async () => {
    aws.role("build", { trust: documentOf(TRUST) });
    const credentials = await iam.assumeRole(roleArn("build"), CODEBUILD, "AWSCodeBuild-1");
    expect(credentials.accessKeyId).toMatch(/^ASIA[0-9A-F]{16}$/);
    expect(iam.ownerOf(credentials.accessKeyId)).toStrictEqual(BUILD);
    const others = await iam.assumeRole(roleArn("build"), CODEBUILD);
    expect(iam.ownerOf(others.accessKeyId)).toStrictEqual({ roleArn: roleArn("build") });
    expect(iam.ownerOf("test")).toBeUndefined();
  });

  test.each([
    [{ ...CODEBUILD, service: "lambda.amazonaws.com" }, `lambda.amazonaws.com for ${PROJECT}`],
    [
      { ...CODEBUILD, sourceArn: PROJECT.replace("images_", "images-eu_") },
      `codebuild.amazonaws.com for ${PROJECT.replace("images_", "images-eu_")}`,
    ],
    [{ ...CODEBUILD, sourceAccount: "1" }, `codebuild.amazonaws.com for ${PROJECT}`],
    [{ service: "codebuild.amazonaws.com" }, "codebuild.amazonaws.com"],
  ])("is refused to %j", async (service, who) => {
    aws.role("build", { trust: documentOf(TRUST) });
    await expect(iam.assumeRole(roleArn("build"), service)).rejects.toThrow(refusal(who));
  });

  test("is refused where the trust policy denies it, and where there is no such role", async () => {
    aws.role("build", { trust: documentOf(TRUST, { ...TRUST, Sid: "Never", Effect: "Deny" }) });
    await expect(iam.assumeRole(roleArn("build"), CODEBUILD)).rejects.toThrow(
      "with an explicit deny in a role trust policy (statement Never, trust policy of role build)",
    );
    aws.roles.clear();
    const missing = iam.assumeRole(roleArn("build"), CODEBUILD);
    await expect(missing).rejects.toThrow("because there is no such role");
    await expect(missing).rejects.toThrow(AccessDeniedError);
  });

  test("takes a change of the trust policy at once", async () => {
    aws.role("build", { trust: documentOf(TRUST) });
    await iam.assumeRole(roleArn("build"), CODEBUILD);
    aws.role("build", { trust: documentOf() });
    await expect(iam.assumeRole(roleArn("build"), CODEBUILD)).rejects.toThrow(
      refusal(`codebuild.amazonaws.com for ${PROJECT}`),
    );
  });
});

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html */
test("a permissions boundary allows nothing by itself, and what it does not allow, the role may not do", async () => {
  const boundary = "arn:aws:iam::123456789012:policy/boundary";
  const allow = (...Action: string[]) => ({ Effect: "Allow", Action, Resource: "*" });
  aws.role("build", { inline: { own: documentOf(allow("ecr:BatchGetImage", "ecr:PutImage")) }, boundary });
  aws.managed.set(boundary, documentOf(allow("ecr:BatchGetImage", "ecr:ListImages")));
  const denied = (action: string) =>
    `${USER} is not authorized to perform: ${action} on resource: ${REPOSITORY} because no`;
  expect(await decision(BUILD, "ecr:BatchGetImage", REPOSITORY)).toBe("allowed");
  expect(await decision(BUILD, "ecr:PutImage", REPOSITORY)).toBe(
    `${denied("ecr:PutImage")} permissions boundary allows the ecr:PutImage action`,
  );
  expect(await decision(BUILD, "ecr:ListImages", REPOSITORY)).toBe(
    `${denied("ecr:ListImages")} identity-based policy allows the ecr:ListImages action`,
  );
  now += 1000;
  aws.managed.set(boundary, documentOf(allow("ecr:*"), { ...allow("ecr:PutImage"), Sid: "No", Effect: "Deny" }));
  expect(await decision(BUILD, "ecr:PutImage", REPOSITORY)).toBe(
    `${USER} is not authorized to perform: ecr:PutImage on resource: ${REPOSITORY} with an explicit deny in a permissions boundary (statement No, boundary ${boundary})`,
  );
});

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html */
describe("what is another account's", () => {
  const THEIRS = "arn:aws:ecr:us-east-1:777788889999:repository/team/api";
  const OBJECT = `${BUCKET}/api.zip`;
  const OURS = { AWS: "arn:aws:iam::123456789012:root" };

  test.each([
    ["a repository", "ecr:PutImage", THEIRS, "team/api"],
    ["an object of a bucket, whose ARN names no account", "s3:GetObject", OBJECT, "image-drops"],
  ])("%s: both sides have to allow it", async (_, action, resource, name) => {
    aws.foreignBuckets.add("image-drops");
    const refused = (kind: string) =>
      `${USER} is not authorized to perform: ${action} on resource: ${resource} because no ${kind}-based policy allows the ${action} action`;
    const role = (...statements: object[]) => aws.role("build", { inline: { own: documentOf(...statements) } });
    const attached = (condition: object) => {
      const speaksOfItself = resource === THEIRS ? {} : { Resource: resource };
      const statement = { Effect: "Allow", Principal: OURS, Action: action, ...speaksOfItself, ...condition };
      aws.resources.set(name, documentOf(statement));
      now += 1000;
    };
    role({ Effect: "Allow", Action: action, Resource: resource });
    expect(await decision(BUILD, action, resource)).toBe(refused("resource"));
    attached({ Condition: { ArnLike: { "aws:PrincipalArn": roleArn("other_*") } } });
    expect(await decision(BUILD, action, resource)).toBe(refused("resource"));
    attached({ Condition: { ArnLike: { "aws:PrincipalArn": roleArn("build*") } } });
    expect(await decision(BUILD, action, resource)).toBe("allowed");
    role();
    now += 1000;
    expect(await decision(BUILD, action, resource)).toBe(refused("identity"));
    aws.foreignBuckets.clear();
  });
});

test("an account as principal grants nothing within the account", async () => {
  aws.role("build");
  const statement = { Effect: "Allow", Principal: { AWS: "123456789012" }, Action: "ecr:PutImage" };
  aws.resources.set("team/api", documentOf(statement));
  expect(await decision(BUILD, "ecr:PutImage", REPOSITORY)).toBe(
    `${USER} is not authorized to perform: ecr:PutImage on resource: ${REPOSITORY} because no identity-based policy allows the ecr:PutImage action`,
  );
});

test("a registry's password tells who holds it", () => {
  const password = iam.registryPassword(BUILD);
  expect(iam.holderOf(password)).toStrictEqual(BUILD);
  expect(iam.holderOf("123456789012-auth-token")).toBeUndefined();
});
