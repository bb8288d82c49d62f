import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  DeleteProjectCommand,
  StartBuildCommand,
  UpdateProjectCommand,
  BatchGetProjectsCommand,
  type Build,
} from "@aws-sdk/client-codebuild";
import { FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { DescribeImagesCommand, PutImageTagMutabilityCommand } from "@aws-sdk/client-ecr";
import {
  DeleteEventSourceMappingCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
  UpdateEventSourceMappingCommand,
  type EventSourceMappingConfiguration,
} from "@aws-sdk/client-lambda";
import {
  CreateBucketCommand,
  GetBucketNotificationConfigurationCommand,
  ListObjectVersionsCommand,
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import {
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import type { ServiceConfig } from "../../config/schema";
import { buildLog, buildsOf, buildVariable, lastOwnLine, waitForBuild } from "../../local/builds";
import { compressArchive, writeImageArchive } from "../../local/fixtures";
import { drop, packageImage, proveDrop, type Package, type PackageOptions } from "../../local/journey";
import { proveImage, proveWithSkopeo } from "../../local/proof";
import { prepareTerraform } from "../../local/terraform";
import { terraform } from "../../local/terraform/run";
import { applyPipelines, type AppliedPipelines } from "../support/pipelines";
import { requires } from "../support/requires";
import { until } from "../support/until";
import { UPLOADS } from "../support/uploads";

const YAML = `
name: images
region: us-east-1
bucket: image-drops
backend:
  s3: { bucket: image-drops-state }
repositories: { prefix: team/ }
services:
  - api
  - name: worker
    key: releases/worker.zip
    sourceAccount: "210987654321"
    movingTags: [staging, latest]
  - name: many
    key: many/{anything}.tar.zst
    compression: zstd
    compute: { type: BUILD_LAMBDA_2GB }
  - doomed
---
name: theirs
region: us-east-1
bucket: { existing: bucket-of-another-team }
trigger: queue
backend: { local: {} }
services:
  - legacy
`;

const MINUTES = 60_000;
/** As long as an event may take from the upload to its build here; what has not come by then does not come. */
const PATIENCE = 8_000;

let applied: AppliedPipelines;
let lambda: LambdaClient;
let sqs: SQSClient;
let serial = 0;

beforeAll(async () => {
  applied = await applyPipelines(YAML, {
    before: async ({ s3 }) => {
      await s3.send(new CreateBucketCommand({ Bucket: "bucket-of-another-team" }));
    },
  });
  lambda = new LambdaClient({});
  sqs = new SQSClient({});
}, 5 * MINUTES);

afterAll(async () => {
  lambda.destroy();
  sqs.destroy();
  await applied.close();
}, MINUTES);

jest.setTimeout(2 * MINUTES);

describe("after the apply", () => {
  test("a second plan says that there is nothing to change", async () => {
    for (const name of ["images", "theirs"]) {
      const { changes, summary } = await applied.pipeline(name).stack.plan();
      expect(summary).toMatch(/^No changes\./);
      expect(changes).toBe(false);
    }
  });

  test("the state lies in S3", async () => {
    const { Versions = [] } = await applied.clients.s3.send(
      new ListObjectVersionsCommand({ Bucket: "image-drops-state" }),
    );
    expect(new Set(Versions.map(({ Key }) => Key))).toContain("images.tfstate");
  });

  test("S3's test event has been taken for no drop, and for no failure", async () => {
    expect(await functionLog("s3:TestEvent reports no upload")).not.toContain('"level":"ERROR"');
    await queueIsEmpty();
    expect(applied.lines.filter((line) => line.includes("back to the queue"))).toEqual([]);
  });
});

describe("a drop", () => {
  test("becomes the image under its git hash and the moving tags", async () => {
    const image = await newImage("worker");
    const build = await succeeded("worker", await put(image));

    expect(build.exportedEnvironmentVariables).toEqual([{ name: "GIT_HASH", value: image.gitHash }]);
    for (const tag of [image.gitHash, "staging", "latest"])
      await proveDrop(applied.clients, url("worker"), image, tag, applied.environment.registry);
  });

  test("is read back by skopeo as the archive's image", async () => {
    if (!requires("skopeo", "apt-get install skopeo")) return;
    const image = await newImage("api");
    await succeeded("api", await put(image));
    const [host = "", ...path] = url("api").split("/");
    const proof = await proveWithSkopeo({
      archive: image.file,
      member: image.service.archive,
      registry: {
        ...applied.environment.registry,
        host,
        repository: path.join("/"),
        tag: image.gitHash,
        authorization: await authorization(),
      },
    });
    expect(proof?.images[0].layers).toHaveLength(image.layers);
  });

  test("uploaded in parts, whose event comes twice, has one build, and is the same image", async () => {
    const image = await newImage("api", { bytes: 16e6 });
    const before = (await builds("api")).length;
    const version = await whileNobodyPolls("images", async () => {
      const version = await putInParts(image);
      await eventually(async () => (await messagesWaiting("images")) === 2);
      return version;
    });
    await succeeded("api", version);
    await queueIsEmpty();

    await proveDrop(applied.clients, url("api"), image, "staging", applied.environment.registry);
    expect(await builds("api")).toHaveLength(before + 1);
  });

  test("overwritten before its event is read is built all the same, and each build reads its own version", async () => {
    const image = await newImage("api");
    const newer = await newImage("api");
    const drops = [image, image, newer];
    const versions = await whileNobodyPolls("images", async () => {
      const versions: (string | undefined)[] = [];
      for (const each of drops) versions.push(await put(each));
      return versions;
    });

    expect(new Set(versions).size).toBe(3);
    for (const [index, version] of versions.entries()) {
      const build = await succeeded("api", version);
      expect(build.exportedEnvironmentVariables).toEqual([{ name: "GIT_HASH", value: drops[index]?.gitHash }]);
      expect((await buildLog(applied.clients.logs, build)).join("\n")).toContain(
        `reading s3://image-drops/api.zip?versionId=${version ?? ""} `,
      );
    }
  });

  test("that is built twice changes nothing the second time", async () => {
    const image = await newImage("api");
    const first = await succeeded("api", await put(image));
    const digest = await tagDigest("team/api", image.gitHash);

    const { build } = await applied.clients.codebuild.send(
      new StartBuildCommand({
        projectName: "images_api",
        environmentVariablesOverride: first.environment?.environmentVariables?.filter(({ name }) =>
          name?.startsWith("DROP_"),
        ),
      }),
    );
    const second = await ended("api", build?.id);
    expect(second.buildStatus).toBe("SUCCEEDED");
    expect((await buildLog(applied.clients.logs, second)).join("\n")).toContain(
      `${image.gitHash} holds this image already`,
    );
    expect(await tagDigest("team/api", image.gitHash)).toBe(digest);
  });

  test("that changes one layer sends that one, though another image was staged meanwhile", async () => {
    const large = Array.from({ length: 4 }, (_, at) => [
      { path: `opt/${at}`, content: { source: process.execPath, start: at * 6_000_000, bytes: 6_000_000 } },
    ]);
    const drops = [
      [...large],
      [[{ path: "other", content: "other\n" }]],
      [...large, [{ path: "app", content: "new\n" }]],
    ];
    let build: Build | undefined;
    for (const layers of drops) build = await succeeded("worker", await put(await newImage("worker", { layers })));
    // The newest images are asked where the moving tags do not help: ECR tells of them.
    const log = (await buildLog(applied.clients.logs, build!)).filter((line) => /layer \d\/\d/.test(line));
    expect(log.map((line) => /: (reused|pushed)/.exec(line)?.[1]).toSorted()).toEqual([
      "pushed",
      ...Array<string>(4).fill("reused"),
    ]);
  });

  test("for several platforms, compressed as a whole, is published as an index of layers in zstd", async () => {
    const gitHash = "abcdef0123456";
    const path = join(applied.directory, "many.tar");
    const platforms = ["linux/amd64", "linux/arm64"];
    const references = [`111122223333.dkr.ecr.us-east-1.amazonaws.com/team/many:${gitHash}`];
    await writeImageArchive({ path, references, layout: "oci-layout", platforms, attestations: true });
    const file = await compressArchive(path, "zstd");
    const { VersionId } = await applied.clients.s3.send(
      new PutObjectCommand({ Bucket: "image-drops", Key: "many/of both.tar.zst", Body: await readFile(file) }),
    );
    await succeeded("many", VersionId);
    const [host = "", ...repository] = url("many").split("/");
    for (const tag of [gitHash, "staging"]) {
      const location = { ...applied.environment.registry, host, repository: repository.join("/"), tag };
      const proof = await proveImage({
        archive: path,
        registry: { ...location, authorization: await authorization() },
      });
      expect(proof.images.filter(({ attests }) => attests === undefined).map(({ platform }) => platform)).toEqual(
        platforms,
      );
      expect(proof.images[0].layers.map(({ mediaType }) => mediaType)).toContain(
        "application/vnd.oci.image.layer.v1.tar+zstd",
      );
    }
  });

  test("that is no archive fails with one sentence, and no tag changes", async () => {
    await succeeded("api", await put(await newImage("api")));
    const before = await tags("team/api");
    const { VersionId } = await applied.clients.s3.send(
      new PutObjectCommand({ Bucket: "image-drops", Key: "api.zip", Body: "hello" }),
    );

    expect(await reasonOfFailure("api", VersionId)).toBe(
      `s3://image-drops/api.zip?versionId=${VersionId ?? ""} is not an image archive: found data of no known format, starting with 68656c6c6f, ` +
        "expected the tar that `docker save` writes, or an OCI layout, plain or compressed by gzip or zstd, by itself or in a zip; " +
        "save the image with `docker save` and upload it again",
    );
    expect(await tags("team/api")).toEqual(before);
  });

  test("for a key that no service owns starts nothing and is counted", async () => {
    await putText("nobody.zip");
    expect(await functionLog("nobody.zip")).toContain("no service of pipeline images owns the key");
    expect(await functionLog('"DropsUnrouted":1')).toContain('"pipeline":"images"');
  });

  test("whose name does not end in .zip is not even reported, until the filter is gone", async () => {
    await putText("filtered.txt");
    await putText("sentinel.zip");
    await functionLog("sentinel.zip");
    expect(await functionLogs("filtered.txt")).toEqual([]);

    const restore = await removeFilter("image-drops");
    try {
      await putText("unfiltered.txt");
      await functionLog("unfiltered.txt");
    } finally {
      await restore();
    }
  });
});

describe("what is applied decides, not what was synthesised", () => {
  test("a buildspec that is changed by API is the one that runs", async () => {
    const restore = await updateProject("api", ({ source }) => ({
      source: {
        ...source,
        type: "S3",
        buildspec: "version: 0.2\nphases:\n  build:\n    commands:\n      - echo replaced\n      - exit 3\n",
      },
    }));
    try {
      expect(await reasonOfFailure("api", await put(await newImage("api")))).toBe("replaced");
    } finally {
      await restore();
    }
  });

  test("so is an environment that is changed by API", async () => {
    const restore = await updateProject("api", ({ environment }) => ({
      environment: {
        ...environment,
        type: "LINUX_CONTAINER",
        image: environment?.image,
        computeType: environment?.computeType,
        environmentVariables: environment?.environmentVariables?.map((variable) =>
          variable.name === "MOVING_TAGS" ? { ...variable, value: "canary" } : variable,
        ),
      },
    }));
    const image = await newImage("api");
    try {
      await succeeded("api", await put(image));
    } finally {
      await restore();
    }
    await proveDrop(applied.clients, url("api"), image, "canary", applied.environment.registry);
    expect(await tagDigest("team/api", "staging")).not.toBe(await tagDigest("team/api", "canary"));
  });

  test("and so is a repository whose tags are made immutable", async () => {
    await succeeded("api", await put(await newImage("api")));
    const before = await tagDigest("team/api", "staging");
    await setMutability("team/api", "IMMUTABLE");
    try {
      expect(await reasonOfFailure("api", await put(await newImage("api")))).toContain(
        "exclude staging from the repository's tag immutability, or remove it from the moving tags",
      );
    } finally {
      await setMutability("team/api", "MUTABLE");
    }
    expect(await tagDigest("team/api", "staging")).toBe(before);
  });
});

describe("a bucket of another team, without versioning", () => {
  beforeAll(async () => {
    // What the output tells the owner to do, as it is.
    const lines = String(applied.pipeline("theirs").outputs.bucket_owner_must_add);
    const folder = join(applied.directory, "owner");
    await mkdir(folder);
    const resource = `resource "aws_s3_bucket_notification" "theirs" {\n  bucket = "bucket-of-another-team"\n${lines}\n}\n`;
    await writeFile(join(folder, "main.tf"), `provider "aws" { region = "us-east-1" }\n${resource}`);
    const setup = await prepareTerraform({ directory: join(applied.directory, "owner-cli") });
    const owner = terraform(setup, folder);
    await owner.init();
    await owner.plan();
    await owner.apply();
    await setup.close();
  }, MINUTES);

  test("its drop is built by its etag", async () => {
    const image = await newImage("legacy");
    await put(image);
    const build = await succeeded("legacy", undefined);
    expect(buildVariable(build, "DROP_ETAG")).toMatch(/^[0-9a-f]{32}$/);
    await proveDrop(applied.clients, url("legacy"), image, "staging", applied.environment.registry);
  });

  test("a drop that was overwritten before its build fails and says so; the newer one is published", async () => {
    const older = await newImage("legacy");
    const newer = await newImage("legacy");
    const before = await builds("legacy");
    await whileNobodyPolls("theirs", async () => {
      await put(older);
      await put(newer);
    });
    const both = await eventually(async () => {
      const all = await builds("legacy");
      const fresh = all.slice(0, all.length - before.length);
      return fresh.length === 2 && fresh.every(({ buildComplete }) => buildComplete) ? fresh : undefined;
    });
    expect(both.map(({ buildStatus }) => buildStatus).sort()).toEqual(["FAILED", "SUCCEEDED"]);
    const failed = both.find(({ buildStatus }) => buildStatus === "FAILED");
    expect(lastOwnLine(await buildLog(applied.clients.logs, failed ?? {}))).toContain(
      "deleted or overwritten, or was never there",
    );
    await proveDrop(applied.clients, url("legacy"), newer, "staging", applied.environment.registry);
  });
});

describe("what cannot be started", () => {
  test("ends in the dead-letter queue, with its event", async () => {
    const { queue_url, dead_letter_queue_url } = applied.pipeline("images").outputs as Record<string, string>;
    await applied.clients.codebuild.send(new DeleteProjectCommand({ name: "images_doomed" }));
    await whileNobodyPolls("images", () => hurryUp(queue_url ?? ""));
    await put(await newImage("doomed"));

    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: dead_letter_queue_url, WaitTimeSeconds: 20 }),
    );
    expect(JSON.parse(Messages[0]?.Body ?? "{}")).toMatchObject({
      Records: [{ s3: { object: { key: "doomed.zip" } } }],
    });
    expect(await functionLog("images_doomed")).toContain("ResourceNotFoundException");
  });

  test("without an event source mapping no drop is built, and its event waits", async () => {
    const mapping = await mappingOf("images");
    await untilStopped(mapping, () => lambda.send(new DeleteEventSourceMappingCommand({ UUID: mapping.UUID })));
    const version = await put(await newImage("api"));
    await expect(
      waitForBuild(applied.clients.codebuild, "images_api", version, { timeout: PATIENCE / 1000 }),
    ).rejects.toThrow("was not started");
    expect(await messagesWaiting("images")).toBe(1);
  });
});

// --- what a sender does

function service(name: string): ServiceConfig {
  for (const pipeline of ["images", "theirs"]) {
    const found = applied.pipeline(pipeline).config.services.find((each) => each.name === name);
    if (found) return found;
  }
  throw new Error(`no service ${name}`);
}

function pipelineOf(name: string) {
  return applied.pipeline(name === "legacy" ? "theirs" : "images");
}

async function newImage(name: string, content: Pick<PackageOptions, "bytes" | "layers"> = {}): Promise<Package> {
  serial += 1;
  const gitHash = serial.toString(16).padStart(12, "c0ffee");
  return await packageImage({ service: service(name), gitHash, directory: applied.directory, ...content });
}

async function put(image: Package): Promise<string | undefined> {
  return await drop(applied.clients.s3, pipelineOf(image.service.name).config.bucket.name, image);
}

async function putText(key: string): Promise<void> {
  await applied.clients.s3.send(new PutObjectCommand({ Bucket: "image-drops", Key: key, Body: "text" }));
}

async function putInParts(image: Package): Promise<string | undefined> {
  return await UPLOADS["in parts"](applied.clients.s3, { Bucket: "image-drops", Key: image.service.key }, image);
}

// --- what can be seen of it

function url(name: string): string {
  return (pipelineOf(name).outputs.repository_urls as Record<string, string>)[name] ?? "";
}

function project(name: string): string {
  return `${pipelineOf(name).config.name}_${name}`;
}

async function builds(name: string): Promise<Build[]> {
  return await buildsOf(applied.clients.codebuild, project(name));
}

async function succeeded(name: string, version: string | undefined): Promise<Build> {
  const build = await waitForBuild(applied.clients.codebuild, project(name), version, { timeout: 60 });
  if (build.buildStatus !== "SUCCEEDED") throw new Error((await buildLog(applied.clients.logs, build)).join("\n"));
  return build;
}

async function reasonOfFailure(name: string, version: string | undefined): Promise<string | undefined> {
  const build = await waitForBuild(applied.clients.codebuild, project(name), version, { timeout: 60 });
  expect(build.buildStatus).toBe("FAILED");
  return lastOwnLine(await buildLog(applied.clients.logs, build));
}

async function ended(name: string, id: string | undefined): Promise<Build> {
  return await eventually(async () => (await builds(name)).find((build) => build.id === id && build.buildComplete));
}

async function authorization(): Promise<string> {
  const { GetAuthorizationTokenCommand } = await import("@aws-sdk/client-ecr");
  const { authorizationData = [] } = await applied.clients.ecr.send(new GetAuthorizationTokenCommand({}));
  return `Basic ${authorizationData[0]?.authorizationToken ?? ""}`;
}

async function tags(repositoryName: string): Promise<Record<string, string>> {
  const { imageDetails = [] } = await applied.clients.ecr.send(new DescribeImagesCommand({ repositoryName }));
  return Object.fromEntries(
    imageDetails.flatMap(({ imageTags = [], imageDigest = "" }) => imageTags.map((tag) => [tag, imageDigest])),
  );
}

async function tagDigest(repositoryName: string, tag: string): Promise<string> {
  const digest = (await tags(repositoryName))[tag];
  if (digest === undefined) throw new Error(`${repositoryName} has no tag ${tag}`);
  return digest;
}

async function functionLogs(text: string): Promise<string[]> {
  const { events = [] } = await applied.clients.logs.send(
    new FilterLogEventsCommand({ logGroupName: "/aws/lambda/images_start-build" }),
  );
  return events.map(({ message = "" }) => message).filter((message) => message.includes(text));
}

/** All that the function logs in the moment in which it first mentions `text`. */
async function functionLog(text: string): Promise<string> {
  return await eventually(async () => {
    const found = await functionLogs(text);
    return found.length > 0 ? found.join("\n") : undefined;
  });
}

async function eventually<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  return await until("it happened", look, 30_000);
}

// --- what an operator changes by API

async function mappingOf(pipeline: string): Promise<EventSourceMappingConfiguration> {
  const { EventSourceMappings = [] } = await lambda.send(new ListEventSourceMappingsCommand({}));
  const found = EventSourceMappings.filter(({ FunctionArn }) => FunctionArn?.endsWith(`:${pipeline}_start-build`));
  expect(found).toHaveLength(1);
  return found[0] ?? {};
}

/** Switches the event source mapping off for a moment, so that events gather in the queue. */
async function whileNobodyPolls<T>(pipeline: string, work: () => Promise<T>): Promise<T> {
  const mapping = await mappingOf(pipeline);
  const toggle = (Enabled: boolean) =>
    lambda.send(new UpdateEventSourceMappingCommand({ UUID: mapping.UUID, Enabled }));
  await untilStopped(mapping, () => toggle(false));
  try {
    return await work();
  } finally {
    await toggle(true);
  }
}

/** Waits until the mapping's poller has ended: one that waits for messages already would still take the next. */
async function untilStopped({ EventSourceArn }: EventSourceMappingConfiguration, stop: () => Promise<unknown>) {
  const isPolled = (): boolean | undefined =>
    applied.lines
      .findLast((line) => line.startsWith("lambda: mapping ") && line.includes(`, ${EventSourceArn ?? ""} `))
      ?.startsWith("lambda: mapping started");
  await eventually(() => Promise.resolve(isPolled() === true));
  await stop();
  await eventually(() => Promise.resolve(isPolled() === false));
}

async function messagesWaiting(pipeline: string): Promise<number> {
  const { queue_url } = applied.pipeline(pipeline).outputs as Record<string, string>;
  const names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"] as const;
  const { Attributes = {} } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: queue_url, AttributeNames: [...names] }),
  );
  return names.reduce((sum, name) => sum + Number(Attributes[name]), 0);
}

async function queueIsEmpty(): Promise<void> {
  await eventually(async () => (await messagesWaiting("images")) === 0);
}

/** Redelivery within seconds instead of minutes, and to the dead-letter queue after the second time. */
async function hurryUp(QueueUrl: string): Promise<void> {
  const { Attributes = {} } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["RedrivePolicy"] }),
  );
  const policy = JSON.parse(Attributes.RedrivePolicy ?? "{}") as object;
  await sqs.send(
    new SetQueueAttributesCommand({
      QueueUrl,
      Attributes: { VisibilityTimeout: "1", RedrivePolicy: JSON.stringify({ ...policy, maxReceiveCount: 2 }) },
    }),
  );
}

async function setMutability(repositoryName: string, imageTagMutability: "MUTABLE" | "IMMUTABLE"): Promise<void> {
  await applied.clients.ecr.send(new PutImageTagMutabilityCommand({ repositoryName, imageTagMutability }));
}

async function removeFilter(Bucket: string): Promise<() => Promise<void>> {
  const { s3 } = applied.clients;
  const { QueueConfigurations = [] } = await s3.send(new GetBucketNotificationConfigurationCommand({ Bucket }));
  const configure = async (queues: typeof QueueConfigurations): Promise<void> => {
    await s3.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket,
        NotificationConfiguration: { QueueConfigurations: queues },
      }),
    );
  };
  // One for each ending of keys.
  expect(QueueConfigurations).toHaveLength(2);
  await configure(QueueConfigurations.slice(0, 1).map((queue) => ({ ...queue, Filter: undefined })));
  return () => configure(QueueConfigurations);
}

type Change = Omit<ConstructorParameters<typeof UpdateProjectCommand>[0], "name">;
type Project = NonNullable<Awaited<ReturnType<typeof getProject>>>;

async function getProject(name: string) {
  const { projects = [] } = await applied.clients.codebuild.send(new BatchGetProjectsCommand({ names: [name] }));
  return projects[0];
}

async function updateProject(name: string, change: (project: Project) => Change): Promise<() => Promise<void>> {
  const before = await getProject(project(name));
  if (!before) throw new Error(`no project for ${name}`);
  const update = async (to: Change): Promise<void> => {
    await applied.clients.codebuild.send(new UpdateProjectCommand({ name: project(name), ...to }));
  };
  await update(change(before));
  return () => update({ source: before.source, environment: before.environment });
}
