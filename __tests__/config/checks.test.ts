import { parsePipeline } from "../../config/parse";
import { loadProblems, loadText, pipeline, problemsOf } from "./make";

describe("within a pipeline", () => {
  test.each<[string, unknown[], string[]]>([
    [
      "one name",
      ["api", "web", { name: "api", key: "x.zip" }],
      [`services[2].name: must not be the name of services[0] too, got "api"`],
    ],
    [
      "one key",
      ["api", { name: "web", key: "api.zip" }],
      [`services[1].key: must not be the key of services[0] too, got "api.zip"`],
    ],
    [
      "one key in the other order",
      [{ name: "web", key: "api.zip" }, "api"],
      [`services[1].key: must not be the key of services[0] too, got "api.zip"`],
    ],
    [
      "one repository",
      ["api", { name: "web", repository: "api" }],
      [`services[1].repository: must not be the repository of services[0] too, got "api"`],
    ],
    [
      "repositories of one name in different accounts",
      ["api", { name: "web", repository: { existing: "api", account: "111122223333" } }],
      [],
    ],
    [
      "three with one key: each after the first",
      [
        { name: "aa", key: "x.zip" },
        { name: "bb", key: "x.zip" },
        { name: "cc", key: "x.zip" },
      ],
      [
        `services[1].key: must not be the key of services[0] too, got "x.zip"`,
        `services[2].key: must not be the key of services[0] too, got "x.zip"`,
      ],
    ],
    [
      "keys that differ in case",
      [
        { name: "aa", key: "x.zip" },
        { name: "bb", key: "X.zip" },
      ],
      [],
    ],
    [
      "beside a service that is refused",
      ["api", { name: "Bad" }, { name: "web", key: "api.zip" }],
      [
        `services[1].name: must be lower-case letters and digits joined by single hyphens or underscores, got "Bad"`,
        `services[2].key: must not be the key of services[0] too, got "api.zip"`,
      ],
    ],
  ])("services with %s", (_, services, problems) => {
    expect(problemsOf(pipeline({ services }))).toEqual(problems);
  });

  test.each<[string, unknown, boolean]>([
    ["queue", "queue", false],
    ["eventbridge", "eventbridge", false],
    ["eventbridge, direct", { eventbridge: { direct: true } }, true],
    ["cloudtrail", "cloudtrail", true],
  ])("a service cannot have the pipeline's own rule, trigger %s", (_, trigger, refused) => {
    expect(problemsOf(pipeline({ trigger, services: ["api", "drops"] }))).toEqual(
      refused
        ? [
            `services[1].name: must not be drops with a trigger that has a rule for each service: images_drops is the pipeline's own rule with trigger eventbridge, and a change of the trigger would delete both; take another name, got "drops"`,
          ]
        : [],
    );
  });

  const OF_ACCOUNT = { existing: "platform/api", account: "111122223333" };

  test.each<[string, string[], string[]]>([
    [
      "the only account that is allowed: it is the pipeline's own",
      ["111122223333"],
      [`services[1].repository: must not be the repository of services[0] too, got "platform/api"`],
    ],
    ["one of several accounts that are allowed", ["111122223333", "444455556666"], []],
    ["another account", ["444455556666"], []],
  ])("one repository, once with the account, which is %s", (_, allowedAccountIds, problems) => {
    const services = [
      { name: "api", repository: { existing: "platform/api" } },
      { name: "web", repository: OF_ACCOUNT },
    ];
    expect(problemsOf(pipeline({ services, provider: { allowedAccountIds } }))).toEqual(problems);
    expect(problemsOf(pipeline({ services: services.toReversed(), provider: { allowedAccountIds } }))).toEqual(
      problems,
    );
  });

  test.each<[string, unknown[], string[]]>([
    [
      "a pattern for each service",
      [
        { name: "api", key: "{service}/{anything}.zip" },
        { name: "api-v2", key: "{service}/{anything}.zip" },
        { name: "web", key: "{service}/{anything}/latest.zip" },
        "job",
      ],
      [],
    ],
    [
      "two patterns with a key in common",
      [
        { name: "api", key: "api/{anything}.zip" },
        { name: "web", key: "{anything}/latest.zip" },
      ],
      [
        `services[1].key: must match no key of another service: "api/x/latest.zip" would be a drop of api (api/{anything}.zip) and of web, got "{anything}/latest.zip"`,
      ],
    ],
    [
      "a key that an earlier pattern takes, and one that it does not",
      [
        { name: "all", key: "in/{anything}.zip" },
        { name: "api", key: "in/api.zip" },
        { name: "web", key: "in/.zip" },
      ],
      [
        `services[1].key: must match no key of another service: "in/api.zip" would be a drop of all (in/{anything}.zip) and of api, got "in/api.zip"`,
      ],
    ],
    [
      "a pattern that takes an earlier key",
      ["api", { name: "all", key: "{anything}.zip" }],
      [
        `services[1].key: must match no key of another service: "api.zip" would be a drop of api (api.zip) and of all, got "{anything}.zip"`,
      ],
    ],
    [
      "one pattern twice",
      [
        { name: "aa", key: "x/{anything}.zip" },
        { name: "bb", key: "x/{anything}.zip" },
      ],
      [`services[1].key: must not be the key of services[0] too, got "x/{anything}.zip"`],
    ],
    [
      "three patterns with a key in common: each after the first, once",
      [
        { name: "aa", key: "{anything}a.zip" },
        { name: "bb", key: "b{anything}.zip" },
        { name: "cc", key: "{anything}.zip" },
      ],
      [
        `services[1].key: must match no key of another service: "bxa.zip" would be a drop of aa ({anything}a.zip) and of bb, got "b{anything}.zip"`,
        `services[2].key: must match no key of another service: "xa.zip" would be a drop of aa ({anything}a.zip) and of cc, got "{anything}.zip"`,
      ],
    ],
  ])("services with %s", (_, services, problems) => {
    expect(problemsOf(pipeline({ services }))).toEqual(problems);
  });

  test("a key has 1024 bytes at most with the service's name in it", () => {
    const named = (name: string) =>
      pipeline({ roles: "shared", defaults: { key: `{service}${"/{service}".repeat(92)}.zip` }, services: [name] });
    expect(problemsOf(named("s".repeat(9)))).toEqual([]);
    expect(problemsOf(named("s".repeat(11)))).toEqual([
      `services[0].key: must be at most 1024 bytes of UTF-8, got "${`${"s".repeat(11)}/`.repeat(9).slice(0, 100)}"... (1119 characters)`,
    ]);
  });

  test("the state must not lie in the bucket that it describes", () => {
    const backend = { s3: { bucket: "image-drops" } };
    expect(problemsOf(pipeline({ backend }))).toEqual([
      `backend.s3.bucket: must not be the bucket that the pipeline creates, got "image-drops"`,
    ]);
    expect(problemsOf(pipeline({ backend, bucket: { existing: "image-drops" } }))).toEqual([]);
  });

  test("a moving tag that the tag rule matches, be the rule the service's or a default", () => {
    const services = ["api", { name: "web", tag: "^v", movingTags: ["stable", "v1"] }];
    expect(problemsOf(pipeline({ services, defaults: { movingTags: ["cafe", "facade0"] } }))).toEqual([
      `services[0].movingTags[1]: must not match the rule for the image's own tag, ^[0-9a-f]{7,40}$, got "facade0"`,
      `services[1].movingTags[1]: must not match the rule for the image's own tag, ^v, got "v1"`,
    ]);
  });

  test("prefix and name together are a repository's name", () => {
    const longest = { repositories: { prefix: `${"p".repeat(252)}/` } };
    expect(problemsOf(pipeline(longest))).toEqual([]);
    expect(problemsOf(pipeline({ ...longest, services: ["apis"] }))).toEqual([
      `services[0].repository: must have 2 to 256 characters, got "${"p".repeat(100)}"... (257 characters)`,
    ]);
    expect(problemsOf(pipeline({ services: ["a"] }))).toEqual([
      `services[0].repository: must have 2 to 256 characters, got "a"`,
    ]);
  });
});

describe("a trigger and its services", () => {
  const PATTERNS = "queue, lambda, topic and eventbridge without direct take patterns";
  test.each([
    ["cloudtrail", "cloudtrail"],
    [{ eventbridge: { direct: true } }, "eventbridge with direct: true"],
  ])("trigger %j takes exact keys", (trigger, named) => {
    const services = [
      "web",
      { name: "api", key: "{service}/{anything}.zip" },
      { name: "job", key: "in/{service}.zip" },
    ];
    const rule = `must not hold {anything} with trigger ${named}, which takes exact keys; ${PATTERNS}`;
    expect(problemsOf(pipeline({ trigger, services }))).toEqual([
      `services[1].key: ${rule}, got "{service}/{anything}.zip"`,
    ]);
    expect(problemsOf(pipeline({ trigger, services: ["web"], defaults: { key: "{service}{anything}.zip" } }))).toEqual([
      `defaults.key: ${rule}, got "{service}{anything}.zip"`,
    ]);
  });

  test.each([
    ["cloudtrail", "", 869],
    [{ eventbridge: { direct: true } }, "x", 961],
  ])("trigger %j takes keys that fit into an event pattern", (trigger, rest, quotes) => {
    const longest = `${'"'.repeat(quotes)}${rest}.zip`;
    const keys = (...each: string[]) =>
      pipeline({ trigger, services: each.map((key, index) => ({ name: `service-${index}`, key })) });
    const rule =
      'must make an event pattern of at most 2048 characters for its rule, and makes one of 2049, in which each " and \\ counts twice: shorten it, or take trigger queue, lambda, topic or eventbridge without direct';
    const shown = '\\"'.repeat(100);
    expect(problemsOf(keys(longest))).toEqual([]);
    expect(problemsOf(keys("api.zip", longest, `x${longest}`))).toEqual([
      `services[2].key: ${rule}, got "x${shown.slice(0, -2)}"... (${longest.length + 1} characters)`,
    ]);
    expect(problemsOf({ ...keys(`x${longest}`), trigger: "eventbridge" })).toEqual([]);
  });

  test("of a key that is no key, its event pattern is not told", () => {
    const defaults = { key: `{service}${'"/{service}'.repeat(90)}.zip` };
    const problems = problemsOf(
      pipeline({ trigger: "cloudtrail", roles: "shared", defaults, services: ["s".repeat(11)] }),
    );
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^services\[0\]\.key: must be at most 1024 bytes of UTF-8, got /);
  });

  test("a key from defaults is blamed where the service stands in the file", () => {
    const key = `{service}${'"'.repeat(961)}.zip`;
    const text = [
      "name: images",
      "region: us-east-1",
      "bucket: image-drops",
      "trigger: { eventbridge: { direct: true } }",
      `defaults: { key: '${key}' }`,
      "services:",
      "  - api",
    ].join("\n");
    expect(loadProblems(text)).toEqual([
      `pipeline.yaml:7:5 services[0].key: must make an event pattern of at most 2048 characters for its rule, and makes one of 2050, in which each " and \\ counts twice: shorten it, or take trigger queue, lambda, topic or eventbridge without direct, got "api${'\\"'.repeat(97)}"... (968 characters)`,
    ]);
  });

  test.each(["queue", "lambda", "topic", { topic: { existing: "x" } }, "eventbridge"])(
    "trigger %j takes patterns",
    (trigger) => {
      expect(problemsOf(pipeline({ trigger, defaults: { key: "{service}/{anything}.zip" } }))).toEqual([]);
    },
  );

  test("a build that waits has 5 minutes left to publish", () => {
    const services = ["web", { name: "api", buildTimeout: 10 }];
    const waits = (maxWait: number) => pipeline({ trigger: { cloudtrail: { maxWait } }, services });
    expect(problemsOf(waits(5))).toEqual([]);
    expect(problemsOf(waits(6))).toEqual([
      "trigger.cloudtrail.maxWait: must be at least 5 minutes below every buildTimeout, that of api is 10: lower maxWait or raise buildTimeout, got 6",
    ]);
  });

  test("the default wait is told where it is too long", () => {
    const trigger = "cloudtrail";
    expect(problemsOf(pipeline({ trigger, defaults: { buildTimeout: 25 } }))).toEqual([]);
    expect(problemsOf(pipeline({ trigger, defaults: { buildTimeout: 24 } }))).toEqual([
      "trigger.cloudtrail.maxWait: must be at least 5 minutes below every buildTimeout, that of api is 24: lower maxWait or raise buildTimeout, got 20",
    ]);
  });

  test("a waiting build looks at least once", () => {
    const looks = (checkInterval: number) => pipeline({ trigger: { cloudtrail: { maxWait: 1, checkInterval } } });
    expect(problemsOf(looks(60))).toEqual([]);
    expect(problemsOf(looks(61))).toEqual([
      "trigger.cloudtrail.checkInterval: must be at most maxWait, which is 60 seconds, got 61",
    ]);
  });
});

describe("names derived from pipeline and service", () => {
  test("a pipeline's name that is too long is the one finding", () => {
    const name = "a".repeat(60);
    expect(problemsOf(pipeline({ name }))).toEqual([
      `name: must be at most 34 characters here, so that the name of its tools bucket (<name>-tools-000000000000-us-east-1) is at most 63, got "${name}"`,
    ]);
  });

  test.each([
    ["us-east-1", 34],
    ["ap-northeast-1", 29],
  ])("the tools bucket in %s leaves a pipeline's name %i characters", (region, most) => {
    expect(problemsOf(pipeline({ region, name: "a".repeat(most) }))).toEqual([]);
    expect(problemsOf(pipeline({ region, name: "a".repeat(most + 1) }))).toEqual([
      `name: must be at most ${most} characters here, so that the name of its tools bucket (<name>-tools-000000000000-${region}) is at most 63, got "${"a".repeat(most + 1)}"`,
    ]);
  });

  test.each([
    ["queue", "own", 51, "role (images_<name>_build) is at most 64"],
    ["queue", "shared", 143, "build project (images_<name>) is at most 150"],
    ["cloudtrail", "own", 51, "role (images_<name>_build) is at most 64"],
    ["cloudtrail", "shared", 57, "rule (images_<name>) is at most 64"],
    ["eventbridge", "shared", 143, "build project (images_<name>) is at most 150"],
    [{ eventbridge: { direct: true } }, "shared", 57, "rule (images_<name>) is at most 64"],
  ])("with trigger %j and roles: %s a service's name has at most %i characters", (trigger, roles, most, reason) => {
    const named = (length: number) =>
      pipeline({ trigger, roles, services: ["ok", { name: "s".repeat(length), repository: "repo", archive: "a" }] });
    const shown = most + 1 > 100 ? `"${"s".repeat(100)}"... (${most + 1} characters)` : `"${"s".repeat(most + 1)}"`;
    expect(problemsOf(named(most))).toEqual([]);
    expect(problemsOf(named(most + 1))).toEqual([
      `services[1].name: must be at most ${most} characters here, so that the name of its ${reason}, got ${shown}`,
    ]);
  });
});

const document = (lines: Readonly<Record<string, string>>) =>
  Object.entries({ name: "images", region: "us-east-1", bucket: "image-drops", services: "[api]", ...lines })
    .map(([key, value]) => `${key}: ${value}\n`)
    .join("");
const file = (...documents: Readonly<Record<string, string>>[]) => documents.map(document).join("---\n");
const other = { name: "other", bucket: "other-drops", services: "[web]" };

describe("between pipelines", () => {
  test.each<[string, Readonly<Record<string, string>>, string[]]>([
    ["nothing", {}, []],
    [
      "a name",
      { name: "images", backend: "{ local: { path: x } }" },
      [`pipeline.yaml:6:1 name: must not be the name of pipeline images too, got "images"`],
    ],
    [
      "a name in two regions",
      { name: "images", region: "eu-west-1", backend: "{ local: { path: x } }" },
      [`pipeline.yaml:6:1 name: must not be the name of pipeline images too, got "images"`],
    ],
    [
      "a bucket",
      { bucket: "image-drops" },
      [`pipeline.yaml:8:1 bucket: must not be the bucket of pipeline images too, got "image-drops"`],
    ],
    [
      "a bucket, once taken as it is",
      { bucket: "{ existing: image-drops }" },
      [`pipeline.yaml:8:1 bucket: must not be the bucket of pipeline images too, got "image-drops"`],
    ],
    ["a bucket's name in another partition", { bucket: "image-drops", region: "cn-north-1" }, []],
    [
      "a repository",
      { services: "[web, api]" },
      [`pipeline.yaml:9:17 services[1].repository: must not be the repository of pipeline images too, got "api"`],
    ],
    ["a repository's name in another region", { services: "[web, api]", region: "eu-west-1" }, []],
    [
      "a local state",
      { backend: "{ local: { path: terraform.images.tfstate } }" },
      [`pipeline.yaml:10:1 backend: must not be the state of pipeline images too, got "terraform.images.tfstate"`],
    ],
    [
      "a local state in another spelling",
      { backend: '{ local: { path: "./x/../terraform.images.tfstate" } }' },
      [`pipeline.yaml:10:1 backend: must not be the state of pipeline images too, got "terraform.images.tfstate"`],
    ],
    [
      "the bucket of the one as the state of the other",
      { backend: "{ s3: { bucket: image-drops } }" },
      [`pipeline.yaml:10:18 backend.s3.bucket: must not be the bucket that pipeline images creates, got "image-drops"`],
    ],
  ])("%s in common", (_, lines, problems) => {
    expect(loadProblems(file({}, { ...other, ...lines }))).toEqual(problems);
  });

  test("one repository, whether its account is said or not, as far as it is known", () => {
    const existing = '[{ name: web, repository: { existing: api, account: "111122223333" } }]';
    const only = (account: string) => ({ provider: `{ allowedAccountIds: ["${account}"] }` });
    const refused = (place: string) => [
      `pipeline.yaml:${place} must not be the repository of pipeline images too, got "api"`,
    ];
    expect(loadProblems(file(only("111122223333"), { ...other, services: existing }))).toEqual(
      refused("10:25 services[0].repository:"),
    );
    expect(loadProblems(file(only("444455556666"), { ...other, services: existing }))).toEqual([]);
    const both = only("111122223333");
    expect(loadProblems(file(both, { ...other, ...both, services: "[web, api]" }))).toEqual(
      refused("10:17 services[1].repository:"),
    );
  });

  test.each([
    ["{ s3: { bucket: state, key: k } }", "s3://state/k"],
    ["{ cloud: { organization: acme, workspace: w } }", "app.terraform.io/acme/w"],
  ])("one state: %s", (backend, state) => {
    expect(loadProblems(file({ backend }, { ...other, backend }))).toEqual([
      `pipeline.yaml:11:1 backend: must not be the state of pipeline images too, got "${state}"`,
    ]);
  });

  test("one parameter prefix in a region", () => {
    const outputs = "{ ssm: { prefix: /images } }";
    expect(loadProblems(file({ outputs }, { ...other, outputs }))).toEqual([
      `pipeline.yaml:11:19 outputs.ssm.prefix: must not be the parameter prefix of pipeline images too, got "/images"`,
    ]);
  });

  const IN_REPOSITORIES = (found: string) =>
    `must not lie where pipeline images names its repositories, /images/repository: take another prefix, got "${found}"`;

  test.each([
    ["/images", "/images/repository", IN_REPOSITORIES("/images/repository")],
    ["/images", "/images/repository/a", IN_REPOSITORIES("/images/repository/a")],
    [
      "/images/repository",
      "/images",
      `must not name repositories where pipeline images has its parameters, /images/repository: take another prefix, got "/images"`,
    ],
    ["/images", "/images/repositories", undefined],
    ["/images", "/images/other", undefined],
    ["/images", "/repository", undefined],
  ])("no parameters among those of another's repositories: %s and %s", (first, second, rule) => {
    const outputs = (prefix: string) => ({ outputs: `{ ssm: { prefix: ${prefix} } }` });
    expect(loadProblems(file(outputs(first), { ...other, ...outputs(second) }))).toEqual(
      rule === undefined ? [] : [`pipeline.yaml:11:19 outputs.ssm.prefix: ${rule}`],
    );
    const elsewhere = { ...other, ...outputs(second), region: "eu-west-1" };
    expect(loadProblems(file(outputs(first), elsewhere))).toEqual([]);
  });

  test("five trails in a region, not six", () => {
    const trails = (count: number, region: (index: number) => string) =>
      file(
        ...Array.from({ length: count }, (_, index) => ({
          name: `p${index}`,
          bucket: `drops-${index}`,
          services: `[s${index}]`,
          region: region(index),
          trigger: "{ cloudtrail: { trail: true } }",
        })),
      );
    expect(loadProblems(trails(5, () => "us-east-1"))).toEqual([]);
    expect(loadProblems(trails(6, (index) => (index === 0 ? "eu-west-1" : "us-east-1")))).toEqual([]);
    expect(loadProblems(trails(7, () => "us-east-1"))).toEqual([
      "pipeline.yaml:35:26 trigger.cloudtrail.trail: must not be the trail number 6 of us-east-1, AWS allows 5: let one trail record several buckets",
    ]);
  });

  test("a pipeline that comes first may keep its state in a bucket that nobody creates", () => {
    const backend = "{ s3: { bucket: state } }";
    expect(loadProblems(file({ backend }, { ...other, backend }))).toEqual([]);
  });

  test("a service that is refused does not hide what the others have in common", () => {
    expect(loadProblems(file({ services: "[Bad, api]" }, { ...other, services: "[api]" }))).toEqual([
      `pipeline.yaml:4:12 services[0]: must be lower-case letters and digits joined by single hyphens or underscores, got "Bad"`,
      `pipeline.yaml:9:12 services[0].repository: must not be the repository of pipeline images too, got "api"`,
    ]);
  });
});

describe("warnings", () => {
  const warnings = (text: string) =>
    loadText(text).warnings.map((warning) => warning.replace(/^.*pipeline\.yaml/, "pipeline.yaml"));
  const services = (count: number, from = 0) =>
    `[${Array.from({ length: count }, (_, index) => `s${from + index}`).join(", ")}]`;

  test("none for a plain pipeline", () => {
    expect(warnings(file({}))).toEqual([]);
  });

  test("values of builds' variables that CodeBuild has refused for their length", () => {
    const tags = Array.from({ length: 40 }, (_, index) => `t${"-".repeat(110)}${index}`);
    const text = (length: number) =>
      file({
        defaults: `{ environment: { A: ${"a".repeat(length)} } }`,
        services: `[web, { name: api, movingTags: [${tags.join(", ")}], environment: { B: ${"b".repeat(length)} } }]`,
      });
    const tooLong = (length: number): string =>
      `makes a variable of builds of ${length} characters, and CodeBuild has refused more than 4096: name less, or have the build read it from elsewhere`;
    expect(warnings(text(4097)).map((each) => each.replace(/^pipeline.yaml:[0-9:]+ /, ""))).toEqual([
      `services[1].movingTags: ${tooLong(tags.join(" ").length)}`,
      `services[1].environment.B: ${tooLong(4097)}`,
      `defaults.environment.A: ${tooLong(4097)}`,
    ]);
    expect(warnings(text(4096))).toHaveLength(1);
  });

  test.each([
    [
      "queue",
      "add to its aws_s3_bucket_notification the lines that the output bucket_owner_must_add prints, which send s3:ObjectCreated:* events to the queue images_drops",
    ],
    [
      "lambda",
      "add to its aws_s3_bucket_notification the lines that the output bucket_owner_must_add prints, which send s3:ObjectCreated:* events to the function images_start-build",
    ],
    [
      "topic",
      "add to its aws_s3_bucket_notification the lines that the output bucket_owner_must_add prints, which send s3:ObjectCreated:* events to the topic images_drops",
    ],
    ["eventbridge", "add eventbridge = true to its aws_s3_bucket_notification, once for everybody"],
    [
      "{ eventbridge: { direct: true } }",
      "add eventbridge = true to its aws_s3_bucket_notification, once for everybody",
    ],
    [
      "{ cloudtrail: { trail: true } }",
      "switch on versioning: without, a build takes what lies under the key when it starts, since CloudTrail names no etag",
    ],
  ])("an existing bucket with trigger %s", (trigger, part) => {
    expect(warnings(file({ bucket: "{ existing: theirs }", trigger }))).toEqual([
      `pipeline.yaml:3:11 bucket.existing: is taken as it is: its owner must ${part}`,
    ]);
    expect(warnings(file({ trigger }))).toEqual([]);
  });

  test("an existing topic, with a bucket of one's own and an existing one", () => {
    const trigger = "{ topic: { existing: image-events } }";
    const policy = (bucket: string) =>
      `pipeline.yaml:5:21 trigger.topic.existing: is taken as it is: its policy must let S3 publish what happens in ${bucket}, and so must the policy of a KMS key that encrypts it`;
    expect(warnings(file({ trigger }))).toEqual([policy("image-drops")]);
    expect(warnings(file({ bucket: "{ existing: theirs }", trigger }))).toEqual([
      "pipeline.yaml:3:11 bucket.existing: is taken as it is: its owner must add to its aws_s3_bucket_notification the lines that the output bucket_owner_must_add prints, which send s3:ObjectCreated:* events to the topic image-events, unless it reports there already",
      policy("theirs"),
    ]);
  });

  test.each(["cloudtrail", "{ cloudtrail: { maxWait: 5 } }"])("no trail with trigger %s", (trigger) => {
    expect(warnings(file({ trigger }))).toEqual([
      "pipeline.yaml:5:1 trigger: starts no build unless a trail of the account records write data events of image-drops: have it do so, or set trail: true",
    ]);
  });

  test("a star in a key, which is a character like any other", () => {
    const rule = "holds a *, which stands for itself in a key: write {anything} for one or more characters";
    const text = file({ services: '[{ name: api, key: "a*.zip" }]', defaults: '{ key: "{service}/*.zip" }' });
    expect(warnings(text)).toEqual([
      `pipeline.yaml:4:25 services[0].key: ${rule}, got "a*.zip"`,
      `pipeline.yaml:5:13 defaults.key: ${rule}, got "{service}/*.zip"`,
    ]);
  });

  test("a sender's account that is too short", () => {
    const rule = "looks like an account id and has not its 12 digits: no reference of ECR begins so";
    const text = file({ services: '[{ name: api, sourceAccount: "1111" }]', defaults: '{ sourceAccount: "2222" }' });
    expect(warnings(text)).toEqual([
      `pipeline.yaml:4:25 services[0].sourceAccount: ${rule}, got "1111"`,
      `pipeline.yaml:5:13 defaults.sourceAccount: ${rule}, got "2222"`,
    ]);
    expect(warnings(file({ defaults: '{ sourceAccount: "111122223333" }' }))).toEqual([]);
  });

  test("packaging that a remote run cannot carry", () => {
    const backend = "{ cloud: { organization: acme } }";
    expect(warnings(file({ backend, packaging: "archive" }))).toEqual([
      "pipeline.yaml:6:1 packaging: archive has Terraform zip the programs when it plans, and HCP Terraform may apply on another machine: use prebuilt",
    ]);
    expect(warnings(file({ backend }))).toEqual([]);
    expect(warnings(file({ packaging: "archive" }))).toEqual([]);
  });

  test("more roles than an account has by default", () => {
    const backend = "{ local: {} }";
    expect(warnings(file({ services: services(999), backend }))).toEqual([]);
    expect(warnings(file({ services: services(1000), backend }))).toEqual([
      "pipeline.yaml: 1001 roles pass IAM's default quota of 1000 an account: have it raised, or set roles: shared",
    ]);
    expect(warnings(file({ services: services(1000), roles: "shared" }))).toEqual([]);
  });

  test("more rules than an event bus has by default", () => {
    const halves = (extra: number, trigger: string) =>
      file(
        { trigger: "{ eventbridge: { direct: true } }", services: services(200) },
        { ...other, trigger, services: services(100 + extra, 200) },
      );
    expect(warnings(halves(0, "{ cloudtrail: { trail: true } }"))).toEqual([]);
    expect(warnings(halves(1, "{ cloudtrail: { trail: true } }"))).toEqual([
      "pipeline.yaml: 301 rules in us-east-1 pass EventBridge's default quota of 300 a bus: have it raised, or take a trigger with a function",
    ]);
    expect(warnings(halves(1, "eventbridge"))).toEqual([]);
    expect(warnings(halves(1, "queue"))).toEqual([]);
  });

  test("more build projects than a region has by default", () => {
    const halves = (region: string, extra: number) =>
      file(
        { roles: "shared", services: services(2500) },
        { ...other, region, roles: "shared", services: services(2500 + extra, 2500) },
      );
    expect(warnings(halves("us-east-1", 0))).toEqual([]);
    expect(warnings(halves("us-east-1", 1))).toEqual([
      "pipeline.yaml: 5001 build projects in us-east-1 pass CodeBuild's default quota of 5000: have it raised",
    ]);
    expect(warnings(halves("eu-west-1", 1))).toEqual([]);
  });
});

test("a checked pipeline shares nothing with its input", () => {
  const services = ["bb", "aa"];
  parsePipeline(pipeline({ services }));
  expect(services).toEqual(["bb", "aa"]);
});
