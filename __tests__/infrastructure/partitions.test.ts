import type { PipelineInput } from "../../config/schema";
import { everythingExisting, existingThings, thingsOf } from "../support/existing";
import { ACCOUNTS, synthesise, TRIGGER_NAMES, TRIGGERS, type Account } from "../support/synthesis";

const OTHERS = ACCOUNTS.filter(({ partition }) => partition !== "aws");

/** Every option that changes what is named in the JSON, in the partition of an account. */
function variantsOf(account: Account): Readonly<Record<string, Partial<PipelineInput>>> {
  const { ourKey, boundary } = thingsOf(account);
  return {
    ...Object.fromEntries(
      TRIGGER_NAMES.map((name) => [name, { trigger: TRIGGERS[name], encryption: { kmsKey: ourKey } }]),
    ),
    ...existingThings(account),
    "everything existing": everythingExisting(account),
    "a role for all": { roles: "shared" },
    "how roles are made": { roles: { path: "/teams/", permissionBoundary: boundary, namePrefix: "corp-" } },
    "accounts that pull": { repositories: { pullAccounts: ["444455556666"] } },
    "a role that deploys": {
      provider: { assumeRole: { roleArn: boundary.replace("policy/boundary", "role/deploy") } },
    },
    docker: { publisher: "docker", packaging: "prebuilt" },
  };
}

const NAMES = Object.keys(variantsOf(ACCOUNTS[0]!));

describe.each(OTHERS)("in $partition", (account) => {
  const variants = variantsOf(account);

  test.each(NAMES)("no ARN of another partition, no host of another: %s", (name) => {
    const synthesis = synthesise({ ...variants[name], region: account.region });
    expect(synthesis.text).not.toMatch(/arn:aws:/);
    // Hosts and principals come from data sources.
    expect(synthesis.text).not.toContain("amazonaws.com");
  });
});

test("the principal of CloudWatch Logs in a key's policy is that of the region", () => {
  const principals = ACCOUNTS.map((account) => {
    const { ourKey } = thingsOf(account);
    const { output } = synthesise({ region: account.region, encryption: { kmsKey: ourKey } });
    const { encryption_key_policy } = output.for_others!.value as { encryption_key_policy: string };
    return /"logs\.[^"]+"/.exec(encryption_key_policy)?.[0];
  });
  expect(principals).toStrictEqual([
    `"logs.us-east-1.amazonaws.com"`,
    `"logs.cn-north-1.amazonaws.com.cn"`,
    `"logs.us-gov-west-1.amazonaws.com"`,
  ]);
});

test.each(ACCOUNTS)("a repository of another account lies at a host of $region", (account) => {
  const { output } = synthesise({
    ...existingThings(account)["repositories of another account"],
    region: account.region,
  });
  expect(output.repository_urls?.value).toStrictEqual({
    api: `777788889999.dkr.ecr.${account.region}.${account.suffix}/platform/api`,
  });
});
