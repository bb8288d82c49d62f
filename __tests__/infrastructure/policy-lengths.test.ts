import { parsePipeline } from "../../config/parse";
import { allBuildsMay, ownBuildsMay } from "../../config/policies/builds";
import { anyPlace } from "../../config/policies/place";
import { mayPull } from "../../config/policies/registry";
import { policyLength } from "../../config/policies/statement";
import type { PipelineInput } from "../../config/schema";
import { existingThings, thingsOf } from "../support/existing";
import { ACCOUNTS, pipelineInput, synthesise, type Synthesis, TRIGGER_NAMES, TRIGGERS } from "../support/synthesis";

/** Names of repositories, each of so many characters. */
const repositories = (count: number, length: number) =>
  Array.from({ length: count }, (_, index) => String(index).padStart(3, "0").padEnd(length, "r"));
const ids = (kind: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${kind}-${String(index).padStart(17, "0")}`);

/** The longest of everything that no check of policies bounds. */
function longest({ partition, region }: (typeof ACCOUNTS)[number]) {
  const { ourKey, senderKey, toolsKey } = thingsOf({ partition, region });
  return {
    region,
    bucket: { existing: "b".repeat(63), account: "444455556666", kmsKey: senderKey },
    encryption: { kmsKey: ourKey },
    tools: { bucket: { existing: "t".repeat(63), kmsKey: toolsKey }, prefix: `${"p".repeat(511)}/` },
    logs: { builds: { existing: "l".repeat(512) }, function: { existing: "m".repeat(512) } },
    vpc: {
      id: "vpc-0123456789abcdef0",
      subnets: ids("subnet", 16),
      securityGroups: ids("sg", 5),
      account: "777788889999",
      nat: true,
      function: true,
    },
    trigger: "queue",
  } satisfies Partial<PipelineInput>;
}

function lengthsOf(synthesis: Synthesis, type: string, attribute = "policy"): Record<string, number> {
  const found = [...synthesis.policies()].filter(([name]) => name.startsWith(`${type} `) && name.endsWith(attribute));
  return Object.fromEntries(
    found.map(([name, policy]) => [name.split(" ")[1]!.replace("images/pipeline/", ""), JSON.stringify(policy).length]),
  );
}

describe.each(ACCOUNTS)("in $partition, what is checked is as long as what is synthesised", (account) => {
  const { region } = account;
  const image = `111122223333.dkr.ecr.${region}.${account.suffix}/${"i".repeat(200)}:1`;
  const forms: Readonly<Record<string, Partial<PipelineInput>>> = {
    ...Object.fromEntries(TRIGGER_NAMES.map((name) => [name, { trigger: TRIGGERS[name] }])),
    ...Object.fromEntries(Object.entries(existingThings(account)).filter(([name]) => !name.includes("role"))),
    docker: { publisher: "docker" },
    "names under a path, with a prefix": { roles: { builds: "own", path: "/teams/", namePrefix: "corp-" } },
    "a key of odd characters": {
      trigger: "cloudtrail",
      services: [{ name: "api", key: '$*?"\\ü.zip' }],
    },
    "a pattern of keys": { defaults: { key: "{service}/{anything}.zip" } },
    "repositories to mount from": { defaults: { mountFrom: repositories(5, 40) } },
    "a private build image": { defaults: { compute: { image } } },
    "the longest of everything": longest(account),
  };

  // A partition is a word in each ARN: what else a policy is made of is the same everywhere.
  const here = account.partition === "aws" ? Object.keys(forms) : ["queue", "the longest of everything"];
  test.each(here)("%s", (name) => {
    const input = { ...forms[name], region };
    const own = parsePipeline(pipelineInput(input));
    const shared = { ...input, roles: "shared" } as const;
    const place = anyPlace(region);
    expect(lengthsOf(synthesise(input), "aws_iam_role_policy")).toMatchObject({
      "services/api/build/policy": policyLength(...ownBuildsMay(own, own.services[0]!, place)),
    });
    expect(lengthsOf(synthesise(shared), "aws_iam_role_policy")).toMatchObject({
      "build/policy": policyLength(...allBuildsMay(parsePipeline(pipelineInput(shared)), place)),
    });
  });

  test("accounts that pull", () => {
    const pullAccounts = ["444455556666", "111122223333"];
    expect(
      lengthsOf(synthesise({ region, repositories: { pullAccounts } }), "aws_ecr_repository_policy"),
    ).toStrictEqual({
      "services/api/pulls": policyLength(mayPull(pullAccounts, anyPlace(region))),
    });
  });

  test("no role, queue, topic or bucket has a policy that its service would refuse, whatever the configuration", () => {
    const rest = longest(account);
    const topic = { topic: { existing: "t".repeat(256) } };
    for (const trigger of ["queue", "lambda", "topic", topic, "eventbridge"] as const) {
      const synthesis = synthesise({ ...rest, trigger });
      expect(Math.max(...Object.values(lengthsOf(synthesis, "aws_iam_role", "assume_role_policy")))).toBeLessThan(2048);
      expect(lengthsOf(synthesis, "aws_iam_role_policy")["trigger/start-build/policy"]).toBeLessThan(5000);
      expect(Math.max(...Object.values(lengthsOf(synthesis, "aws_sqs_queue")))).toBeLessThan(8192);
      expect(Math.max(0, ...Object.values(lengthsOf(synthesis, "aws_sns_topic")))).toBeLessThan(30_720);
    }
    const direct = synthesise({
      ...rest,
      vpc: { ...rest.vpc, function: false },
      logs: { builds: rest.logs.builds },
      trigger: { eventbridge: { direct: true, bus: "e".repeat(256) } },
    });
    expect(Math.max(...Object.values(lengthsOf(direct, "aws_iam_role", "assume_role_policy")))).toBeLessThan(2048);
    const trail = synthesise({ region, bucket: "b".repeat(63), trigger: TRIGGERS["cloudtrail with a trail"] });
    expect(Object.keys(lengthsOf(trail, "aws_s3_bucket_policy"))).toHaveLength(3);
    expect(Math.max(...Object.values(lengthsOf(trail, "aws_s3_bucket_policy")))).toBeLessThan(20_480);
  });
});

test("what Terraform spells longer than JavaScript counts as long", () => {
  const allow = (Resource: string) => policyLength({ Sid: "S", Effect: "Allow", Action: "s3:GetObject", Resource });
  expect(allow("<&>") - allow("")).toBe("\\u003c\\u0026\\u003e".length);
});
