import { inspect } from "../../config/parse";
import { loadProblems, pipeline, problemsOf } from "./make";

/** Names of repositories, each of so many characters. */
const repositories = (count: number, length: number) =>
  Array.from({ length: count }, (_, index) => String(index).padStart(3, "0").padEnd(length, "r"));
const existing = (names: readonly string[]) =>
  names.map((name, index) => ({ name: `s${index + 100}`, repository: { existing: name } }));
const VPC = {
  id: "vpc-0123456789abcdef0",
  subnets: Array.from({ length: 16 }, (_, index) => `subnet-0123456789abcde${String(index).padStart(2, "0")}`),
  securityGroups: ["sg-0123456789abcdef0"],
  nat: true,
};

describe("one role for all builds", () => {
  const last = (length: number) =>
    pipeline({ roles: "shared", services: existing([...repositories(30, 256), "x".repeat(length)]) });

  test("names existing repositories until its policy has 10,240 characters", () => {
    expect(problemsOf(last(16))).toEqual([]);
    expect(problemsOf(last(17))).toEqual([
      `roles: must be own, or all services together must name less: the policy of images_build, the one role of all builds, would have 10241 characters, and the inline policies of a role hold 10240; most are taken by existing repositories (9474), got "shared"`,
    ]);
  });

  test("is told where it stands, by the name that it is made under", () => {
    const text = [
      "name: images",
      "region: us-gov-west-1",
      "bucket: image-drops",
      "roles: { builds: shared, namePrefix: corp- }",
      "defaults:",
      "  repository: { existing: 'platform/images/{service}' }",
      `  mountFrom: [${repositories(20, 200).join(", ")}]`,
      "services:",
      ...Array.from({ length: 70 }, (_, index) => `  - service-${index + 100}`),
    ].join("\n");
    expect(loadProblems(text)).toEqual([
      "pipeline.yaml:4:1 roles: must be own, or all services together must name less: the policy of corp-images_build, the one role of all builds, would have 12501 characters, and the inline policies of a role hold 10240; most are taken by existing repositories (6348), mountFrom (5345), got a mapping",
    ]);
  });

  test("has room for what is used together as a rule", () => {
    const services = existing(repositories(49, 40));
    const together = { roles: "shared", vpc: { ...VPC, subnets: VPC.subnets.slice(0, 3) }, services };
    expect(problemsOf(pipeline({ ...together, defaults: { mountFrom: repositories(20, 30) } }))).toEqual([]);
  });
});

describe("a role for the builds of each service", () => {
  const rule = (service: string, length: number, most: string) =>
    `must name less: the policy of images_${service}_build, the role of its builds, would have ${length} characters, and the inline policies of a role hold 10240; most are taken by ${most}`;

  test("holds 20 of the longest names to mount from, or a VPC of 16 subnets, not both", () => {
    const mountFrom = repositories(20, 256);
    expect(problemsOf(pipeline({ defaults: { mountFrom } }))).toEqual([]);
    expect(problemsOf(pipeline({ vpc: VPC }))).toEqual([]);
    expect(problemsOf(pipeline({ vpc: VPC, services: ["web", { name: "api", mountFrom }] }))).toEqual([
      `services[1]: ${rule("api", 10363, "mountFrom (6245), vpc (2695)")}`,
    ]);
  });

  test("holds every key, but one of wildcards that the policy names twice", () => {
    const services = [{ name: "api", key: `${"*".repeat(1020)}.zip` }];
    expect(problemsOf(pipeline({ services, vpc: VPC }))).toEqual([]);
    expect(problemsOf(pipeline({ services, vpc: VPC, trigger: "cloudtrail" }))).toEqual([
      `services[0]: ${rule("api", 12553, "key (8447), vpc (2695)")}`,
    ]);
    // Terraform writes each < as \u003c.
    const brackets = [{ name: "api", key: `${"<".repeat(1020)}.zip` }];
    expect(problemsOf(pipeline({ services: brackets, trigger: "cloudtrail" }))).toEqual([
      `services[0]: ${rule("api", 13597, "key (12527)")}`,
    ]);
  });
});

describe("a role of builds that exists", () => {
  const roles = { builds: { existing: "arn:aws:iam::111122223333:role/builds" } };
  const warnings = (count: number) =>
    inspect(pipeline({ roles, services: existing(repositories(count, 256)) }))
      .warnings.filter(({ path }) => path[0] === "roles")
      .map(({ rule }) => rule);
  const AS_IT_IS = "is taken as it is: what it must be allowed, and whom it must trust, is in the output for_others";

  test("may have several policies, and its owner is told where it needs them", () => {
    expect(warnings(30)).toEqual([AS_IT_IS]);
    expect(warnings(31)).toEqual([
      AS_IT_IS,
      "is to have a policy of 10480 characters, where inline ones hold 10240: split it into managed policies of 6144 at most",
    ]);
  });
});

describe("accounts that pull", () => {
  const accounts = (count: number) => Array.from({ length: count }, (_, index) => String(100_000_000_000 + index));

  test.each([
    ["us-east-1", 304],
    ["cn-north-1", 279],
    ["us-gov-west-1", 251],
  ])("in %s fit into the policy of a repository, or are refused with the number that does", (region, most) => {
    const refused = `repositories.pullAccounts: must list at most ${most} accounts here: with more, the policy of a repository is longer than the 10240 characters that ECR takes, got a list of `;
    const pulled = (count: number) => problemsOf(pipeline({ region, repositories: { pullAccounts: accounts(count) } }));
    expect(pulled(most)).toEqual([]);
    expect(pulled(most + 1)).toEqual([`${refused}${most + 1}`]);
    expect(pulled(1000)).toEqual([`${refused}1000`]);
  });
});

describe("a key beyond what a policy of IAM can hold", () => {
  const fault = (found: string) => `IAM takes no character beyond U+00FF (Latin-1) in a policy, such as ${found} here`;
  const rule = (found: string) =>
    `must be spelled otherwise with roles: own, whose policies name the key: ${fault(found)}; or set roles: shared, whose policy names none`;
  const text = (roles: string, more = "") =>
    [
      "name: images",
      "region: us-east-1",
      "bucket: image-drops",
      `roles: ${roles}`,
      "defaults: { key: '服务/{service}.zip' }",
      "services:",
      "  - api",
      "  - { name: web, key: 'naïve ÿ.zip' }",
      more,
    ].join("\n");

  test("is refused where it stands, once for all services that take it from defaults", () => {
    const more = "  - { name: db, key: '\u{1f680}/{anything}.zip' }\n  - job\n";
    expect(loadProblems(text("own", more))).toEqual([
      `pipeline.yaml:5:13 defaults.key: ${rule("服 (U+670D)")}, got "服务/{service}.zip"`,
      `pipeline.yaml:9:17 services[2].key: ${rule("\u{1f680} (U+1F680)")}, got "\u{1f680}/{anything}.zip"`,
    ]);
    expect(loadProblems(text("{ namePrefix: corp- }"))).toHaveLength(1);
  });

  test("is refused for library users, with every trigger, with the code point of what cannot be seen", () => {
    for (const trigger of ["queue", "lambda", "cloudtrail", { eventbridge: { direct: true } }]) {
      expect(problemsOf(pipeline({ trigger, services: [{ name: "api", key: "u\u0308ber.zip" }] }))).toEqual([
        `services[0].key: ${rule("\u0308 (U+0308)")}, got "u\u0308ber.zip"`,
      ]);
    }
  });

  test.each(["shared", "{ builds: { existing: 'arn:aws:iam::111122223333:role/builds' } }"])(
    "is taken with roles: %s",
    (roles) => {
      expect(loadProblems(text(roles))).toEqual([]);
    },
  );

  test("is taken from defaults where nobody takes it from there", () => {
    const services = [{ name: "api", key: "api.zip" }];
    expect(problemsOf(pipeline({ defaults: { key: "服务/{service}.zip" }, services }))).toEqual([]);
  });

  test("every character up to U+00FF is taken", () => {
    const characters = Array.from({ length: 0x100 }, (_, code) => String.fromCharCode(code)).join("");
    const key = `${characters.replace(/[\p{Cc}{}/]/gu, "")}.zip`;
    expect(problemsOf(pipeline({ services: [{ name: "api", key }] }))).toEqual([]);
    expect(problemsOf(pipeline({ services: [{ name: "api", key: "\u0100.zip" }] }))).toHaveLength(1);
  });

  test("a state may lie there", () => {
    const backend = { s3: { bucket: "state", key: "服务.tfstate", workspaceKeyPrefix: "环境" } };
    expect(problemsOf(pipeline({ backend }))).toEqual([]);
  });
});
