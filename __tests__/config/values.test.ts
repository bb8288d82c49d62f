import { pipeline, problemsOf, service } from "./make";

const DAYS = "1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653";
const BUCKET_CHARACTERS = "must be lower-case letters, digits, hyphens and dots";
const BUCKET_ENDS = "must begin and end with a letter or digit";
const BUCKET_PREFIXES = "must not begin with xn--, sthree- or amzn-s3-demo-, which AWS keeps for itself";
const BUCKET_SUFFIXES = "must not end in -s3alias, --ol-s3, .mrap, --x-s3 or --table-s3, which AWS keeps for itself";
const PIPELINE_NAME = "must be lower-case letters and digits joined by single hyphens, the first a letter";
const SERVICE_NAME = "must be lower-case letters and digits joined by single hyphens or underscores";
const NOT_CONSTRUCTOR = "must not be constructor, which CDKTF cannot name anything by: take another name";
const REPOSITORY = "must be lower-case letters and digits joined by single dots, hyphens, underscores and slashes";
const PREFIX = "must be lower-case letters and digits ending in a slash, dot, hyphen or underscore, such as team/";
const REGION = "must be an AWS region such as us-east-1 or cn-north-1";
const ARCHIVE = "must be the path of a file inside the drop, such as image/api";
const ENDINGS = "must end in .zip, .tar, .tar.gz, .tgz or .tar.zst";
const IMAGE_TAG = "must be letters, digits, underscores, dots and hyphens, the first a letter, digit or underscore";
const VARIABLE = "must be a variable name: letters, digits and underscores, the first no digit";
const OWN_PREFIXES = "must not begin with DROP_, CODEBUILD_ or AWS_, which the build sets itself";
const OWN_NAMES =
  "must not be one of SERVICE_NAME, IMAGE_REPO_NAME, ECS_SOURCE, SOURCE_ACCOUNT, ARCHIVE_PATH, TAG_PATTERN, MOVING_TAGS, GIT_HASH, MAX_WAIT_TIME, CHECK_INTERVAL, BUILD_START_TIME, SOURCE_IMAGE, COMPRESSION, REUSE, PLATFORM, ATTESTATIONS, MOUNT_FROM, MAX_ARCHIVE_BYTES, MAX_LAYER_BYTES, MAX_RATIO, which the pipeline sets itself";
const PLATFORM =
  "must be all or os/architecture[/variant] as images have it, such as linux/amd64, linux/arm64 or linux/arm/v7";
const SIZE =
  "must be a number of bytes, or a whole number with KiB, MiB, GiB or TiB such as 100GiB, from 1 byte to 1024TiB";
const RELATIVE = "must be relative to the project's folder, so that cdktf.out can move to another machine";
const BRACES = "must hold { and } only as {service} and {anything}";
const TAG_CHARACTERS = "must be letters, digits, spaces and _ . : / = + - @";

type Make = (value: unknown) => unknown;
const name: Make = (value) => pipeline({ name: value });
const region: Make = (value) => pipeline({ region: value });
const bucket: Make = (value) => pipeline({ bucket: value });
const versions: Make = (value) => pipeline({ bucket: { name: "image-drops", versionsExpireAfterDays: value } });
const uploads: Make = (value) => pipeline({ bucket: { name: "image-drops", uploadsExpireAfterDays: value } });
const prefix: Make = (value) => pipeline({ repositories: { prefix: value } });
const untagged: Make = (value) => pipeline({ repositories: { untaggedExpireAfterDays: value } });
const keep: Make = (value) => pipeline({ repositories: { keep: value } });
const logs: Make = (value) => pipeline({ logs: { retentionDays: value } });
const tagKey: Make = (value) => pipeline({ tags: { [String(value)]: "x" } });
const tagValue: Make = (value) => pipeline({ tags: { team: value } });
const serviceName: Make = (value) => pipeline({ services: [value] });
const key: Make = (value) => service({ key: value });
const archive: Make = (value) => service({ archive: value });
const repository: Make = (value) => service({ repository: value });
const account: Make = (value) => service({ sourceAccount: value });
const tag: Make = (value) => service({ tag: value });
const moving: Make = (value) => service({ movingTags: [value] });
const image: Make = (value) => service({ compute: { image: value } });
const computeType: Make = (value) => service({ compute: { type: value } });
const architecture: Make = (value) => service({ compute: { architecture: value } });
const compression: Make = (value) => service({ compression: value });
const reuse: Make = (value) => service({ reuse: value });
const platform: Make = (value) => service({ platform: value });
const attestations: Make = (value) => service({ attestations: value });
const mounted: Make = (value) => service({ mountFrom: [value] });
const archiveLimit: Make = (value) => service({ limits: { archive: value } });
const layerLimit: Make = (value) => service({ limits: { layer: value } });
const ratioLimit: Make = (value) => service({ limits: { ratio: value } });
const buildTimeout: Make = (value) => service({ buildTimeout: value });
const queuedTimeout: Make = (value) => service({ queuedTimeout: value });
const variable: Make = (value) => service({ environment: { [String(value)]: "x" } });
const sharedKey: Make = (value) => pipeline({ defaults: { key: value } });
const topic: Make = (value) => pipeline({ trigger: { topic: { existing: value } } });
const cloudtrail = (options: object) =>
  pipeline({ trigger: { cloudtrail: { maxWait: 5, ...options } }, defaults: { buildTimeout: 2160 } });
const maxWait: Make = (value) => cloudtrail({ maxWait: value, checkInterval: 1 });
const checkInterval: Make = (value) => cloudtrail({ checkInterval: value });
const command: Make = (value) => service({ before: [value] });
const stateKey: Make = (value) => pipeline({ backend: { s3: { bucket: "state", key: value } } });
const organization: Make = (value) => pipeline({ backend: { cloud: { organization: value } } });
const workspace: Make = (value) => pipeline({ backend: { cloud: { organization: "acme", workspace: value } } });
const project: Make = (value) => pipeline({ backend: { cloud: { organization: "acme", project: value } } });
const host: Make = (value) => pipeline({ backend: { cloud: { organization: "acme", hostname: value } } });
const localPath: Make = (value) => pipeline({ backend: { local: { path: value } } });

describe("accepted values", () => {
  test.each<[string, Make, unknown[]]>([
    ["pipeline names", name, ["a", "a-b", "images2", "a1-2b"]],
    [
      "regions of every partition",
      region,
      [
        "us-east-1",
        "ap-southeast-5",
        "mx-central-1",
        "cn-north-1",
        "cn-northwest-1",
        "us-gov-west-1",
        "us-isob-east-1",
        "eu-isoe-west-1",
        "eusc-de-east-1",
      ],
    ],
    ["buckets", bucket, ["abc", "a".repeat(63), "a.b-c", "1.2.3.4.5", "1.2.3.a", "xn-a", "my-xn--a", "s3alias"]],
    ["days of old versions", versions, [19, 2147483647]],
    ["days of unfinished uploads", uploads, [1]],
    ["repository prefixes", prefix, ["", "team/", "team/images/", "team-", "a.b_c/d-"]],
    ["days of untagged images", untagged, [1]],
    ["images to keep", keep, [1]],
    ["days of logs", logs, [1, 30, 3653]],
    ["tag keys", tagKey, ["a", "a".repeat(128), "cost center", "équipe:x", "awsome"]],
    ["tag values", tagValue, ["", "v".repeat(256)]],
    ["service names", serviceName, ["ab", "test-jessie", "a_b-c", "7zip", "constructors", "valueof"]],
    ["keys", key, [".zip", "a/b c/æÿ.zip", `${"k".repeat(1020)}.zip`, `${"é".repeat(510)}.zip`, "100%+1.zip"]],
    [
      "keys of every ending",
      key,
      ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "a.tar.zst", "{anything}.tar.gz", "a.zip.tar"],
    ],
    [
      "patterns",
      key,
      ["{service}.zip", "{anything}.zip", "{service}/{anything}.zip", `${"{anything}/".repeat(4)}x.zip`],
    ],
    ["shared keys", sharedKey, ["{service}.zip", "{service}/{anything}-{service}.zip"]],
    ["topics", topic, ["a", "Image_events-2", "t".repeat(256)]],
    ["waits", maxWait, [1, 2155]],
    ["intervals", checkInterval, [1, 300]],
    ["commands", command, ["echo a", "echo 'a: b'", "if true; then\n  echo\nfi", "node x.js # why"]],
    ["archives", archive, ["a", "image/api", "image/.hidden", "a b/c", "..a/b"]],
    ["repositories", repository, ["ab", "team/api", "a.b-c_d/e", "r".repeat(256)]],
    [
      "source accounts",
      account,
      ["123456789012", "210987654321.dkr.ecr.cn-north-1.amazonaws.com.cn/team", "ghcr.io/x_y"],
    ],
    ["tag rules", tag, ["^v\\d+$", "^(?<hash>[0-9a-f]{40})$"]],
    ["moving tags", moving, ["staging", "_x", "v1.0-rc", `z${"t".repeat(127)}`]],
    ["images", image, ["aws/codebuild/standard:7.0", "public.ecr.aws/docker/library/node:22", "node@sha256:0123"]],
    [
      "compute types",
      computeType,
      ["BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_2XLARGE", "BUILD_LAMBDA_1GB", "BUILD_LAMBDA_10GB"],
    ],
    ["architectures", architecture, ["x86_64", "arm64"]],
    ["compressions", compression, ["gzip", "zstd", "keep"]],
    ["switches for layers that are there", reuse, [true, false]],
    ["platforms", platform, ["all", "linux/amd64", "linux/arm64/v8", "linux/arm/v7", "windows/amd64"]],
    ["attestations", attestations, ["keep", "drop"]],
    ["repositories to mount from", mounted, ["base", "team/base-images"]],
    ["sizes of archives", archiveLimit, [1, 2 ** 50, "1KiB", "20MiB", "100GiB", "1024TiB"]],
    ["sizes of layers", layerLimit, [1, "1099511627776KiB"]],
    ["ratios", ratioLimit, [1, 1.5, 1_000_000]],
    ["build timeouts", buildTimeout, [5, 2160]],
    ["queued timeouts", queuedTimeout, [5, 480]],
    ["variables", variable, ["A", "_a1", "HTTPS_PROXY", "NODE_EXTRA_CA_CERTS", "SERVICE_NAMES", "XAWS_"]],
    ["state keys", stateKey, ["a", "env/prod.tfstate"]],
    ["organisations", organization, ["abc", "o".repeat(40)]],
    ["workspaces", workspace, ["w", "w".repeat(90)]],
    ["projects", project, ["abc", "Default Project", "p".repeat(40)]],
    ["hosts", host, ["app.terraform.io", "tfe.example.com:8443"]],
    ["local paths", localPath, ["x.tfstate", "../state/x.tfstate", "cdktf.output/x"]],
  ])("%s", (_, make, values) => {
    expect(values.map((value) => problemsOf(make(value)))).toEqual(values.map(() => []));
  });
});

describe("refused values", () => {
  test.each<[string, Make, [value: unknown, problem: string][]]>([
    [
      "name",
      name,
      [
        ["", `${PIPELINE_NAME}, got ""`],
        ["1a", `${PIPELINE_NAME}, got "1a"`],
        ["a_b", `${PIPELINE_NAME}, got "a_b"`],
        ["a--b", `${PIPELINE_NAME}, got "a--b"`],
        ["a-", `${PIPELINE_NAME}, got "a-"`],
        ["Images", `${PIPELINE_NAME}, got "Images"`],
        ["constructor", `${NOT_CONSTRUCTOR}, got "constructor"`],
        [7, "must be a string, got 7"],
        [undefined, "is required"],
        ["sthree", `begins the name of the tools bucket, which ${BUCKET_PREFIXES}, got "sthree"`],
        [
          "a".repeat(35),
          `must be at most 34 characters here, so that the name of its tools bucket (<name>-tools-000000000000-us-east-1) is at most 63, got "${"a".repeat(35)}"`,
        ],
      ],
    ],
    [
      "region",
      region,
      [
        ["us-east-1a", `${REGION}, got "us-east-1a"`],
        ["useast1", `${REGION}, got "useast1"`],
        ["us-east-", `${REGION}, got "us-east-"`],
        ["xx-north-1", `${REGION}, got "xx-north-1"`],
        ["cn-north-2", 'must be cn-north-1 or cn-northwest-1, the regions of China, got "cn-north-2"'],
        ["us-gov-north-1", 'must be us-gov-west-1 or us-gov-east-1, the regions of GovCloud, got "us-gov-north-1"'],
      ],
    ],
    [
      "bucket",
      bucket,
      [
        ["ab", `must have 3 to 63 characters, got "ab"`],
        ["a".repeat(64), `must have 3 to 63 characters, got "${"a".repeat(64)}"`],
        ["Drops", `${BUCKET_CHARACTERS}, got "Drops"`],
        ["a_b", `${BUCKET_CHARACTERS}, got "a_b"`],
        ["-ab", `${BUCKET_ENDS}, got "-ab"`],
        ["ab.", `${BUCKET_ENDS}, got "ab."`],
        ["a..b", `must not hold two dots in a row, got "a..b"`],
        ["192.168.5.4", `must not look like an IP address, got "192.168.5.4"`],
        ["xn--drops", `${BUCKET_PREFIXES}, got "xn--drops"`],
        ["sthree-drops", `${BUCKET_PREFIXES}, got "sthree-drops"`],
        ["amzn-s3-demo-drops", `${BUCKET_PREFIXES}, got "amzn-s3-demo-drops"`],
        ["drops-s3alias", `${BUCKET_SUFFIXES}, got "drops-s3alias"`],
        ["drops--ol-s3", `${BUCKET_SUFFIXES}, got "drops--ol-s3"`],
        ["drops.mrap", `${BUCKET_SUFFIXES}, got "drops.mrap"`],
        ["drops--x-s3", `${BUCKET_SUFFIXES}, got "drops--x-s3"`],
        ["drops--table-s3", `${BUCKET_SUFFIXES}, got "drops--table-s3"`],
        [7, "must be a bucket's name or a mapping, got 7"],
        [undefined, "is required"],
        [{}, "must have a name (a bucket to create) or existing (a bucket to take as it is), got an empty mapping"],
      ],
    ],
    ["bucket.versionsExpireAfterDays", versions, [[18, "must be at least 19 days, got 18"]]],
    [
      "bucket.uploadsExpireAfterDays",
      uploads,
      [
        [0, "must be at least 1 day, got 0"],
        [2147483648, "must be at most 2147483647 days, got 2147483648"],
        [1.5, "must be a whole number, got 1.5"],
      ],
    ],
    [
      "repositories.prefix",
      prefix,
      [
        ["team", `${PREFIX}, got "team"`],
        ["/team/", `${PREFIX}, got "/team/"`],
        ["team//", `${PREFIX}, got "team//"`],
        ["Team/", `${PREFIX}, got "Team/"`],
        [`${"a.".repeat(40)}!`, `${PREFIX}, got "${"a.".repeat(40)}!"`],
      ],
    ],
    ["repositories.untaggedExpireAfterDays", untagged, [[0, "must be at least 1 day, got 0"]]],
    ["repositories.keep", keep, [[0, "must be at least 1 image, got 0"]]],
    [
      "logs.retentionDays",
      logs,
      [
        [31, `must be a number of days that CloudWatch Logs knows: ${DAYS}, got 31`],
        [0, `must be a number of days that CloudWatch Logs knows: ${DAYS}, got 0`],
        ["30", `must be a number of days that CloudWatch Logs knows: ${DAYS}, got "30"`],
      ],
    ],
    [
      "tags.team",
      tagValue,
      [["v".repeat(257), `must have 0 to 256 characters, got "${"v".repeat(100)}"... (257 characters)`]],
    ],
    [
      "services[0]",
      serviceName,
      [
        ["", `${SERVICE_NAME}, got ""`],
        ["Api", `${SERVICE_NAME}, got "Api"`],
        ["a.b", `${SERVICE_NAME}, got "a.b"`],
        ["a--b", `${SERVICE_NAME}, got "a--b"`],
        ["-a", `${SERVICE_NAME}, got "-a"`],
        ["__proto__", `${SERVICE_NAME}, got "__proto__"`],
        ["constructor", `${NOT_CONSTRUCTOR}, got "constructor"`],
        [5, "must be a service's name or a mapping, got 5"],
        [["api"], "must be a service's name or a mapping, got a list of 1"],
      ],
    ],
    [
      "services[0].key",
      key,
      [
        ["", `must not be empty, got ""`],
        ["a", `${ENDINGS}, got "a"`],
        ["azip", `${ENDINGS}, got "azip"`],
        [
          "s3://image-drops/a.zip",
          'must be the key without s3:// and the bucket, such as releases/api.zip, got "s3://image-drops/a.zip"',
        ],
        ["/api.zip", 'must not begin with a slash, which S3 takes for a part of the key: leave it out, got "/api.zip"'],
        ["a.ZIP", `${ENDINGS}, got "a.ZIP"`],
        ["a.zip.gz", `${ENDINGS}, got "a.zip.gz"`],
        ["a.tar.bz2", `${ENDINGS}, got "a.tar.bz2"`],
        ["a.tarXgz", `${ENDINGS}, got "a.tarXgz"`],
        ["a.zst", `${ENDINGS}, got "a.zst"`],
        ["{sevice}.zip", `${BRACES} (did you mean {service}?), got "{sevice}.zip"`],
        ["{service}/{Anything}.zip", `${BRACES} (did you mean {anything}?), got "{service}/{Anything}.zip"`],
        ["{version}.zip", `${BRACES}, got "{version}.zip"`],
        ["{{anything}}.zip", `${BRACES}, got "{{anything}}.zip"`],
        ["a{.zip", `${BRACES}, got "a{.zip"`],
        ["a}.zip", `${BRACES}, got "a}.zip"`],
        ["{}.zip", `${BRACES}, got "{}.zip"`],
        ["a/{anything}", `${ENDINGS}, got "a/{anything}"`],
        ["{anything}{anything}.zip", `must not hold {anything} twice in a row, got "{anything}{anything}.zip"`],
        [
          `${"{anything}/".repeat(5)}x.zip`,
          `must hold {anything} at most 4 times, got "${"{anything}/".repeat(5)}x.zip"`,
        ],
        ["a\nb.zip", `must not hold control characters or lone surrogates, got "a\\nb.zip"`],
        ["\ud800.zip", `must not hold control characters or lone surrogates, got "\\ud800.zip"`],
        [
          `${"k".repeat(1021)}.zip`,
          `must be at most 1024 bytes of UTF-8, got "${"k".repeat(100)}"... (1025 characters)`,
        ],
        [
          `k${"é".repeat(510)}.zip`,
          `must be at most 1024 bytes of UTF-8, got "k${"é".repeat(99)}"... (515 characters)`,
        ],
        [null, "must be a string, got nothing"],
      ],
    ],
    [
      "defaults.key",
      sharedKey,
      [
        ["api.zip", `must hold {service}, so that each service has a key of its own, got "api.zip"`],
        ["{anything}.zip", `must hold {service}, so that each service has a key of its own, got "{anything}.zip"`],
        ["{service}", `${ENDINGS}, got "{service}"`],
      ],
    ],
    [
      "trigger.topic.existing",
      topic,
      [
        ["", `must have 1 to 256 characters, got ""`],
        ["t".repeat(257), `must have 1 to 256 characters, got "${"t".repeat(100)}"... (257 characters)`],
        [
          "arn:aws:sns:us-east-1:123456789012:events",
          `must be the name of a topic, without the rest of its ARN, got "arn:aws:sns:us-east-1:123456789012:events"`,
        ],
        ["events.fifo", `must not be a FIFO topic, which S3 does not send to, got "events.fifo"`],
        ["a.b", `must be letters, digits, hyphens and underscores, got "a.b"`],
        ["images_drops", `must not be the topic that the pipeline makes without it, got "images_drops"`],
      ],
    ],
    [
      "trigger.cloudtrail.maxWait",
      maxWait,
      [
        [0, "must be between 1 and 2155 minutes, got 0"],
        [2156, "must be between 1 and 2155 minutes, got 2156"],
        ["5", `must be a whole number, got "5"`],
      ],
    ],
    [
      "trigger.cloudtrail.checkInterval",
      checkInterval,
      [
        [0, "must be between 1 and 300 seconds, got 0"],
        [301, "must be between 1 and 300 seconds, got 301"],
      ],
    ],
    [
      "services[0].before[0]",
      command,
      [
        ["", `must not be empty, got ""`],
        [" \n", `must not be empty, got " \\n"`],
        [{ echo: "a" }, "must be a command in one string: quote one that holds a colon and a space, got a mapping"],
        [["a"], "must be a command in one string: quote one that holds a colon and a space, got a list of 1"],
        [5, "must be a string, got 5"],
        [null, "must be a string, got nothing"],
      ],
    ],
    [
      "services[0].archive",
      archive,
      [
        ["", `must not be empty, got ""`],
        ["/image/api", `${ARCHIVE}, got "/image/api"`],
        ["image/", `${ARCHIVE}, got "image/"`],
        ["../api", `${ARCHIVE}, got "../api"`],
        ["image/./api", `${ARCHIVE}, got "image/./api"`],
        ["image\\api", `${ARCHIVE}, got "image\\\\api"`],
      ],
    ],
    [
      "services[0].repository",
      repository,
      [
        ["a", `must have 2 to 256 characters, got "a"`],
        ["r".repeat(257), `must have 2 to 256 characters, got "${"r".repeat(100)}"... (257 characters)`],
        ["Team/api", `${REPOSITORY}, got "Team/api"`],
        ["team//api", `${REPOSITORY}, got "team//api"`],
        ["team/api/", `${REPOSITORY}, got "team/api/"`],
        [
          "111122223333.dkr.ecr.us-east-1.amazonaws.com/team/z",
          'must be the name without the registry\'s host, team/z; for another account\'s say { existing: team/z, account: "111122223333" }, got "111122223333.dkr.ecr.us-east-1.amazonaws.com/team/z"',
        ],
        ["api:1", `${REPOSITORY}, got "api:1"`],
      ],
    ],
    [
      "services[0].sourceAccount",
      account,
      [
        ["", `must be the beginning of an image reference, such as an account id or a registry's host, got ""`],
        [
          "https://1111",
          'must be without a scheme such as https://, which no image reference begins with, got "https://1111"',
        ],
        ["1 2", `must be the beginning of an image reference, such as an account id or a registry's host, got "1 2"`],
        [123456789012, "must be a string, got 123456789012"],
      ],
    ],
    [
      "services[0].tag",
      tag,
      [
        ["", `must not be empty, got ""`],
        ["[", `must be a regular expression (Unterminated character class), got "["`],
        ["a)", `must be a regular expression (Unmatched ')'), got "a)"`],
      ],
    ],
    [
      "services[0].movingTags[0]",
      moving,
      [
        ["", `must have 1 to 128 characters, got ""`],
        ["t".repeat(129), `must have 1 to 128 characters, got "${"t".repeat(100)}"... (129 characters)`],
        ["-a", `${IMAGE_TAG}, got "-a"`],
        ["a b", `${IMAGE_TAG}, got "a b"`],
        ["a:b", `${IMAGE_TAG}, got "a:b"`],
        ["deadbee", `must not match the rule for the image's own tag, ^[0-9a-f]{7,40}$, got "deadbee"`],
      ],
    ],
    [
      "services[0].compute.image",
      image,
      [
        ["", `must be the reference of a container image, got ""`],
        ["node 22", `must be the reference of a container image, got "node 22"`],
        ["aws/codebuild/windows-base:2022-1.0", `must be a Linux image, got "aws/codebuild/windows-base:2022-1.0"`],
        ["aws/codebuild/macos-arm-base:14", `must be a Linux image, got "aws/codebuild/macos-arm-base:14"`],
      ],
    ],
    [
      "services[0].compute.type",
      computeType,
      [
        [
          "BUILD_GENERAL_SMALL",
          `must be one of BUILD_GENERAL1_SMALL, BUILD_GENERAL1_MEDIUM, BUILD_GENERAL1_LARGE, BUILD_GENERAL1_XLARGE, BUILD_GENERAL1_2XLARGE, BUILD_LAMBDA_1GB, BUILD_LAMBDA_2GB, BUILD_LAMBDA_4GB, BUILD_LAMBDA_8GB, BUILD_LAMBDA_10GB (did you mean BUILD_GENERAL1_SMALL?), got "BUILD_GENERAL_SMALL"`,
        ],
      ],
    ],
    ["services[0].compute.architecture", architecture, [["aarch64", `must be one of x86_64, arm64, got "aarch64"`]]],
    ["services[0].compression", compression, [["zlib", `must be one of gzip, zstd, keep, got "zlib"`]]],
    ["services[0].reuse", reuse, [["off", `must be true or false, got "off"`]]],
    ["services[0].attestations", attestations, [["none", `must be one of keep, drop, got "none"`]]],
    [
      "services[0].platform",
      platform,
      [
        ["", `${PLATFORM}, got ""`],
        ["arm64", `${PLATFORM}, got "arm64"`],
        ["linux/", `${PLATFORM}, got "linux/"`],
        ["linux/x86_64", `${PLATFORM}, got "linux/x86_64"`],
        ["linux/aarch64", `${PLATFORM}, got "linux/aarch64"`],
        ["linux/arm/v7/x", `${PLATFORM}, got "linux/arm/v7/x"`],
        ["linux/amd64,linux/arm64", `${PLATFORM}, got "linux/amd64,linux/arm64"`],
      ],
    ],
    ["services[0].mountFrom[0]", mounted, [["base:1", `${REPOSITORY}, got "base:1"`]]],
    [
      "services[0].limits.archive",
      archiveLimit,
      [
        [0, `${SIZE}, got 0`],
        [1.5, `${SIZE}, got 1.5`],
        ["1024", `${SIZE}, got "1024"`],
        ["0GiB", `${SIZE}, got "0GiB"`],
        ["10GB", `${SIZE}, got "10GB"`],
        ["10 GiB", `${SIZE}, got "10 GiB"`],
        ["1.5GiB", `${SIZE}, got "1.5GiB"`],
        ["1025TiB", `${SIZE}, got "1025TiB"`],
        [2 ** 50 + 1, `${SIZE}, got 1125899906842625`],
        [true, `${SIZE}, got true`],
      ],
    ],
    [
      "services[0].limits.ratio",
      ratioLimit,
      [
        [0.9, "must be a number between 1 and 1000000, got 0.9"],
        [1_000_001, "must be a number between 1 and 1000000, got 1000001"],
        ["200", `must be a number between 1 and 1000000, got "200"`],
      ],
    ],
    [
      "services[0].buildTimeout",
      buildTimeout,
      [
        [4, "must be between 5 and 2160 minutes, got 4"],
        [2161, "must be between 5 and 2160 minutes, got 2161"],
        [NaN, "must be a whole number, got NaN"],
        ["30", `must be a whole number, got "30"`],
        [true, "must be a whole number, got true"],
      ],
    ],
    [
      "services[0].queuedTimeout",
      queuedTimeout,
      [
        [4, "must be between 5 and 480 minutes, got 4"],
        [481, "must be between 5 and 480 minutes, got 481"],
      ],
    ],
    [
      "backend.s3.key",
      stateKey,
      [
        ["/a", `must not begin or end with a slash, got "/a"`],
        ["a/", `must not begin or end with a slash, got "a/"`],
        ["a//b", `must not have two slashes in a row, got "a//b"`],
      ],
    ],
    [
      "backend.cloud.organization",
      organization,
      [["ab", `must have 3 to 40 letters, digits, hyphens and underscores, got "ab"`]],
    ],
    [
      "backend.cloud.workspace",
      workspace,
      [["w".repeat(91), `must have 1 to 90 letters, digits, hyphens and underscores, got "${"w".repeat(91)}"`]],
    ],
    [
      "backend.cloud.project",
      project,
      [["ab", `must have 3 to 40 letters, digits, spaces, hyphens and underscores, got "ab"`]],
    ],
    [
      "backend.cloud.hostname",
      host,
      [["https://tfe.example.com", `must be a host name, without a scheme, got "https://tfe.example.com"`]],
    ],
    [
      "backend.local.path",
      localPath,
      [
        ["/tmp/x.tfstate", `${RELATIVE}, got "/tmp/x.tfstate"`],
        ["~/x.tfstate", `${RELATIVE}, got "~/x.tfstate"`],
        ["C:\\x.tfstate", `${RELATIVE}, got "C:\\\\x.tfstate"`],
        [
          "cdktf.out/x.tfstate",
          `must not lie in cdktf.out, which can be deleted at any time, got "cdktf.out/x.tfstate"`,
        ],
        ["./cdktf.out", `must not lie in cdktf.out, which can be deleted at any time, got "./cdktf.out"`],
      ],
    ],
  ])("%s", (path, make, cases) => {
    expect(cases.map(([value]) => problemsOf(make(value)))).toEqual(
      cases.map(([, problem]) => [`${path}: ${problem}`]),
    );
  });

  test.each([
    ["1A", VARIABLE],
    ["A-B", VARIABLE],
    ["DROP_KEY", OWN_PREFIXES],
    ["CODEBUILD_X", OWN_PREFIXES],
    ["AWS_REGION", OWN_PREFIXES],
    ["GIT_HASH", OWN_NAMES],
    ["SOURCE_ACCOUNT", OWN_NAMES],
  ])("variable %s", (variableName, rule) => {
    const path = /^[A-Z_]+$/.test(variableName) ? `.${variableName}` : `["${variableName}"]`;
    expect(problemsOf(variable(variableName))).toEqual([
      `services[0].environment${path}: ${rule}, got "${variableName}"`,
    ]);
  });

  test.each([
    ["aws:x", `tags["aws:x"]: must not begin with aws:, which AWS keeps for itself, got "aws:x"`],
    ["AWS:x", `tags["AWS:x"]: must not begin with aws:, which AWS keeps for itself, got "AWS:x"`],
    [
      "s3-codebuild-trigger:pipeline",
      `tags["s3-codebuild-trigger:pipeline"]: must not begin with s3-codebuild-trigger:, which the pipeline sets itself, got "s3-codebuild-trigger:pipeline"`,
    ],
    ["", `tags[""]: must have 1 to 128 characters, got ""`],
    ["a*", `tags["a*"]: ${TAG_CHARACTERS}, got "a*"`],
  ])("tag key %j", (tagName, problem) => {
    expect(problemsOf(tagKey(tagName))).toEqual([problem]);
  });

  test("tag keys that differ in case only", () => {
    expect(problemsOf(pipeline({ tags: { Team: "a", team: "b" } }))).toEqual([
      `tags.team: must differ from Team in more than case, got "team"`,
    ]);
  });

  test("49 tags, not 50", () => {
    const tags = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`t${index}`, "x"]));
    expect(problemsOf(pipeline({ tags: tags(49) }))).toEqual([]);
    expect(problemsOf(pipeline({ tags: tags(50) }))).toEqual(["tags: must be at most 49 tags, got a list of 50"]);
  });

  test("20 repositories to mount from, not 21, each once", () => {
    const repositories = (count: number) => Array.from({ length: count }, (_, index) => `base${index}`);
    expect(problemsOf(service({ mountFrom: repositories(20) }))).toEqual([]);
    expect(problemsOf(service({ mountFrom: repositories(21) }))).toEqual([
      "services[0].mountFrom: must list at most 20 repositories, got a list of 21",
    ]);
    expect(problemsOf(service({ mountFrom: ["base", "base"] }))).toEqual([
      `services[0].mountFrom[1]: must be listed once, got "base"`,
    ]);
  });

  test("48 moving tags, not 49, each once", () => {
    const moved = (count: number) => Array.from({ length: count }, (_, index) => `t${index}`);
    expect(problemsOf(service({ movingTags: moved(48) }))).toEqual([]);
    expect(problemsOf(service({ movingTags: moved(49) }))).toEqual([
      "services[0].movingTags: must list at most 48 tags, got a list of 49",
    ]);
    expect(problemsOf(service({ movingTags: ["a", "b", "a"] }))).toEqual([
      `services[0].movingTags[2]: must be listed once, got "a"`,
    ]);
  });
});

describe("mappings", () => {
  test.each<[string, unknown, string[]]>([
    ["nothing at all", undefined, ["is required"]],
    ["a text", "x", [`must be a mapping, got "x"`]],
    ["an empty one", {}, ["name: is required", "region: is required", "bucket: is required", "services: is required"]],
    [
      "no services",
      pipeline({ services: [] }),
      ["services: must list at least one service, such as - api, got an empty list"],
    ],
    ["services as a mapping", pipeline({ services: { api: {} } }), ["services: must be a list, got a mapping"]],
    [
      "a trigger misspelt",
      pipeline({ trigger: "clodtrail" }),
      [
        `trigger: must be one of queue, lambda, topic, eventbridge, cloudtrail (did you mean cloudtrail?), got "clodtrail"`,
      ],
    ],
    [
      "a trigger that is no word",
      pipeline({ trigger: 5 }),
      [
        "trigger: must be one of queue, lambda, topic, eventbridge, cloudtrail, or a mapping with the options of one, got 5",
      ],
    ],
    [
      "no trigger in trigger",
      pipeline({ trigger: {} }),
      ["trigger: must have exactly one of topic, eventbridge and cloudtrail, got an empty mapping"],
    ],
    [
      "two triggers",
      pipeline({ trigger: { topic: {}, eventbridge: {} } }),
      ["trigger: must have exactly one of topic, eventbridge and cloudtrail, got a mapping"],
    ],
    [
      "a trigger misspelt in a mapping, and one that has no options",
      pipeline({ trigger: { event_bridge: {}, queue: {} } }),
      [
        "trigger.queue: has no options: write trigger: queue, got an empty mapping",
        "trigger.event_bridge: is not a known key, did you mean eventbridge?",
      ],
    ],
    [
      "options of triggers misspelt",
      pipeline({ trigger: { topic: { raw: true } } }),
      ["trigger.topic.raw: is not a known key; known here: existing, rawDelivery"],
    ],
    [
      "a trigger without its mapping",
      pipeline({ trigger: { topic: null } }),
      ["trigger.topic: must be a mapping, got nothing"],
    ],
    ["a publisher", pipeline({ publisher: "skopeo" }), [`publisher: must be one of stream, docker, got "skopeo"`]],
    [
      "a buildspec beside commands",
      pipeline({
        defaults: { buildspec: "x.yml", before: ["a"] },
        services: [{ name: "api", buildspec: "y.yml", after: [] }],
      }),
      [
        `defaults.buildspec: must not stand beside before or after: put those commands into the file, got "x.yml"`,
        `services[0].buildspec: must not stand beside before or after: put those commands into the file, got "y.yml"`,
      ],
    ],
    ["commands that are no list", service({ before: "a" }), [`services[0].before: must be a list, got "a"`]],
    ["roles", pipeline({ roles: "Own" }), [`roles: must be one of own, shared (did you mean own?), got "Own"`]],
    [
      "a switch as text",
      pipeline({ repositories: { scanOnPush: "yes" } }),
      [`repositories.scanOnPush: must be true or false, got "yes"`],
    ],
    ["a key misspelt", pipeline({ regoin: "x" }), ["regoin: is not a known key, did you mean region?"]],
    [
      "a key in another case",
      service({ build_timeout: 5 }),
      ["services[0].build_timeout: is not a known key, did you mean buildTimeout?"],
    ],
    [
      "a key that is like no other",
      pipeline({ logs: { zzz: 1 } }),
      ["logs.zzz: is not a known key; known here: retentionDays, builds, function"],
    ],
    [
      "a key beside one that is known only to be refused",
      pipeline({ backend: { cloud: { organization: "example-org", zzz: 1, lock_file: true } } }),
      [
        "backend.cloud.zzz: is not a known key; known here: organization, workspace, tags, project, hostname, vcs",
        "backend.cloud.lock_file: is not a known key; known here: organization, workspace, tags, project, hostname, vcs",
      ],
    ],
    [
      "keys at several depths",
      pipeline({ bucket: { nam: "x", zzzzzzzz: 1 }, backend: { S3: {} } }),
      [
        "bucket.nam: is not a known key, did you mean name?",
        "bucket.zzzzzzzz: is not a known key; known here: name, existing, account, kmsKey, notifications, versionsExpireAfterDays, uploadsExpireAfterDays",
        "backend.S3: is not a known key, did you mean s3?",
      ],
    ],
    [
      "no backend in backend",
      pipeline({ backend: {} }),
      ["backend: must have exactly one of s3, cloud and local, got an empty mapping"],
    ],
    [
      "two backends",
      pipeline({ backend: { local: {}, s3: { bucket: "state" } } }),
      ["backend: must have exactly one of s3, cloud and local, got a mapping"],
    ],
    [
      "an existing bucket with a name and a lifecycle",
      pipeline({ bucket: { existing: "theirs", name: "ours", uploadsExpireAfterDays: 3 } }),
      [
        `bucket.name: must not stand beside existing: a bucket is created or taken as it is, got "ours"`,
        "bucket.uploadsExpireAfterDays: must not stand beside existing: the lifecycle of an existing bucket is its owner's, got 3",
      ],
    ],
  ])("%s", (_, input, problems) => {
    expect(problemsOf(input)).toEqual(problems);
  });

  test("keys without a value are as good as absent for library users", () => {
    const input = pipeline({
      backend: { s3: undefined, local: {} },
      packaging: undefined,
      bucket: { name: "image-drops", existing: undefined },
    });
    expect(problemsOf(input)).toEqual([]);
  });
});
