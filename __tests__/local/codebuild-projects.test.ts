import {
  BatchGetProjectsCommand,
  CodeBuildClient,
  CreateProjectCommand,
  CreateWebhookCommand,
  DeleteProjectCommand,
  InvalidateProjectCacheCommand,
  ListProjectsCommand,
  UpdateProjectCommand,
  UpdateProjectVisibilityCommand,
  type CreateProjectCommandInput,
  type Project,
} from "@aws-sdk/client-codebuild";
import { Bench, credentials, projectInput } from "./codebuild-support";

let bench: Bench;
beforeEach(async () => {
  bench = await Bench.start();
});
afterEach(() => bench.close());

const create = async (changes: Partial<CreateProjectCommandInput> = {}) =>
  (await bench.client.send(new CreateProjectCommand(projectInput(changes)))).project!;
const get = async (name: string) =>
  (await bench.client.send(new BatchGetProjectsCommand({ names: [name] }))).projects![0];
const withoutTimes = ({ created, lastModified, ...project }: Project) => {
  expect(created).toBeInstanceOf(Date);
  expect(lastModified!.getTime()).toBeGreaterThanOrEqual(created!.getTime());
  return project;
};

const everything: CreateProjectCommandInput = {
  ...projectInput(),
  name: "every-thing_1",
  description: "All that can be given",
  source: { type: "S3", location: "drops/a.zip", buildspec: "spec.yml", insecureSsl: false },
  secondarySources: [{ type: "S3", location: "drops/b.zip", sourceIdentifier: "b" }],
  secondarySourceVersions: [{ sourceIdentifier: "b", sourceVersion: "v2" }],
  sourceVersion: "v1",
  artifacts: {
    type: "S3",
    location: "out",
    name: "n",
    packaging: "ZIP",
    namespaceType: "BUILD_ID",
    encryptionDisabled: true,
  },
  secondaryArtifacts: [{ type: "S3", location: "out", artifactIdentifier: "second" }],
  cache: { type: "LOCAL", modes: ["LOCAL_SOURCE_CACHE"] },
  environment: {
    type: "ARM_CONTAINER",
    computeType: "BUILD_GENERAL1_LARGE",
    image: "aws/codebuild/amazonlinux-aarch64-standard:3.0",
    privilegedMode: true,
    imagePullCredentialsType: "SERVICE_ROLE",
    environmentVariables: [{ name: "A", value: "", type: "PLAINTEXT" }],
  },
  timeoutInMinutes: 2160,
  queuedTimeoutInMinutes: 5,
  encryptionKey: "arn:aws:kms:us-east-1:123456789012:key/1",
  tags: [{ key: "team", value: "platform & co".replace("&", "+") }],
  vpcConfig: { vpcId: "vpc-1", subnets: ["subnet-1"], securityGroupIds: ["sg-1"] },
  logsConfig: { cloudWatchLogs: { status: "ENABLED", groupName: "g" }, s3Logs: { status: "DISABLED" } },
  fileSystemLocations: [{ type: "EFS", location: "fs:/", mountPoint: "/mnt", identifier: "fs" }],
  buildBatchConfig: { serviceRole: "arn:aws:iam::123456789012:role/build", timeoutInMins: 60 },
  concurrentBuildLimit: 3,
  autoRetryLimit: 2,
};

describe("CreateProject", () => {
  test("fills in what AWS fills in", async () => {
    const project = await create();
    expect(withoutTimes(project)).toEqual({
      ...projectInput(),
      arn: "arn:aws:codebuild:us-east-1:123456789012:project/sample",
      source: { ...projectInput().source, insecureSsl: false },
      environment: {
        ...projectInput().environment,
        environmentVariables: [],
        privilegedMode: false,
        imagePullCredentialsType: "CODEBUILD",
      },
      secondarySources: [],
      secondarySourceVersions: [],
      secondaryArtifacts: [],
      tags: [],
      cache: { type: "NO_CACHE" },
      badge: { badgeEnabled: false },
      timeoutInMinutes: 60,
      queuedTimeoutInMinutes: 480,
      encryptionKey: "arn:aws:kms:us-east-1:123456789012:alias/aws/s3",
      projectVisibility: "PRIVATE",
    });
    expect(await get("sample")).toEqual(project);
    expect(await get(project.arn!)).toEqual(project);
  });

  test("keeps everything that is given", async () => {
    const project = await create(everything);
    expect(project).toMatchObject(everything);
    expect(await get("every-thing_1")).toEqual(project);
  });

  test("a badge has an address", async () => {
    const { badge } = await create({ badgeEnabled: true });
    expect(badge).toEqual({
      badgeEnabled: true,
      badgeRequestUrl: expect.stringMatching(
        /^https:\/\/codebuild\.us-east-1\.amazonaws\.com\/badges\?uuid=.*&branch=master$/,
      ) as string,
    });
  });

  test("a name that is taken", async () => {
    await create();
    await expect(create()).rejects.toMatchObject({
      name: "ResourceAlreadyExistsException",
      message: "Project already exists: arn:aws:codebuild:us-east-1:123456789012:project/sample",
    });
  });

  const { environment } = projectInput();
  const tag = (count: number) => Array.from({ length: count }, (_, n) => ({ key: `k${n}`, value: "" }));

  test.each<[string, Partial<CreateProjectCommandInput>]>([
    ["a name of 2", { name: "ab" }],
    ["a name of 150", { name: "a".repeat(150) }],
    ["a description of 255", { description: "d".repeat(255) }],
    ["a timeout of 5", { timeoutInMinutes: 5 }],
    ["a timeout of 2160", { timeoutInMinutes: 2160 }],
    ["a queued timeout of 480", { queuedTimeoutInMinutes: 480 }],
    ["50 tags", { tags: tag(50) }],
    ["a limit of 1", { concurrentBuildLimit: 1 }],
  ])("takes %s", async (_, changes) => {
    await expect(create(changes)).resolves.toMatchObject(changes);
  });

  test.each<[string, Partial<CreateProjectCommandInput>, RegExp]>([
    [
      "a name of 1",
      { name: "a" },
      /^name: must be 2 to 150 letters, digits, - or _, starting with a letter or digit, got: "a"$/,
    ],
    ["a name of 151", { name: "a".repeat(151) }, /^name: must be/],
    ["a name with a dot", { name: "a.b" }, /^name: must be .*, got: "a.b"$/],
    ["a name that starts with -", { name: "-ab" }, /^name: must be/],
    ["no role", { serviceRole: undefined }, /^serviceRole: /],
    ["no environment", { environment: undefined }, /^environment: /],
    [
      "an unknown compute type",
      { environment: { ...environment!, computeType: "HUGE" as never } },
      /^environment\.computeType: .*, got: "HUGE"$/,
    ],
    [
      "Lambda's compute type without its environment",
      { environment: { ...environment!, computeType: "BUILD_LAMBDA_1GB" } },
      /^environment\.computeType: BUILD_LAMBDA_1GB does not go with the environment type LINUX_CONTAINER$/,
    ],
    [
      "an unknown environment type",
      { environment: { ...environment!, type: "BEOS" as never } },
      /^environment\.type: /,
    ],
    [
      "a variable without a name",
      { environment: { ...environment!, environmentVariables: [{ name: "", value: "" }] } },
      /^environment\.environmentVariables\.0\.name: /,
    ],
    ["a timeout of 4", { timeoutInMinutes: 4 }, /^timeoutInMinutes: .*, got: 4$/],
    ["a timeout of 2161", { timeoutInMinutes: 2161 }, /^timeoutInMinutes: .*, got: 2161$/],
    ["a queued timeout of 481", { queuedTimeoutInMinutes: 481 }, /^queuedTimeoutInMinutes: .*, got: 481$/],
    ["51 tags", { tags: tag(51) }, /^tags: /],
    ["a tag of AWS", { tags: [{ key: "AWS:a", value: "" }] }, /^tags\.0\.key: must not start with aws:/],
    ["a tag twice", { tags: [...tag(1), ...tag(1)] }, /^tags: must not repeat a key/],
    ["a tag with a comma", { tags: [{ key: "a", value: "b,c" }] }, /^tags\.0\.value: /],
    ["a limit of 0", { concurrentBuildLimit: 0 }, /^concurrentBuildLimit: /],
    ["an S3 source without location", { source: { type: "S3" } }, /^source: needs a location/],
    [
      "no source and no buildspec",
      { source: { type: "NO_SOURCE" } },
      /^source: of type NO_SOURCE needs an inline buildspec/,
    ],
    ["S3 artifacts without location", { artifacts: { type: "S3" } }, /^artifacts: of type S3 needs a location/],
  ])("refuses %s", async (_, changes, message) => {
    await expect(create(changes)).rejects.toMatchObject({
      name: "InvalidInputException",
      message: expect.stringMatching(message) as string,
    });
    expect((await bench.client.send(new ListProjectsCommand({}))).projects).toEqual([]);
  });

  test.each([
    ["ARM_CONTAINER", "BUILD_GENERAL1_SMALL", "amazonlinux-x86_64-standard:5.0"],
    ["LINUX_CONTAINER", "BUILD_GENERAL1_SMALL", "amazonlinux-x86_64-lambda-standard:nodejs22"],
    ["ARM_LAMBDA_CONTAINER", "BUILD_LAMBDA_1GB", "amazonlinux-x86_64-lambda-standard:nodejs22"],
    ["LINUX_LAMBDA_CONTAINER", "BUILD_LAMBDA_1GB", "standard:7.0"],
  ] as const)("refuses for %s and %s the image %s", async (type, computeType, name) => {
    const image = `aws/codebuild/${name}`;
    await expect(create({ environment: { type, computeType, image } })).rejects.toThrow(
      `AWS CodeBuild curated image ${image} is not supported for projects with environment type ${type} and compute type ${computeType}`,
    );
    const own = await create({ environment: { type, computeType, image: `registry.example/${image}` } });
    expect(own.environment?.type).toBe(type);
  });

  test("Lambda compute: as it is documented, and not in China", async () => {
    const lambda = {
      type: "LINUX_LAMBDA_CONTAINER",
      computeType: "BUILD_LAMBDA_2GB",
      image: "aws/codebuild/amazonlinux-x86_64-lambda-standard:nodejs22",
    } as const;
    expect((await create({ environment: lambda })).timeoutInMinutes).toBe(15);
    await expect(
      create({ name: "other", environment: lambda, timeoutInMinutes: 10, cache: { type: "S3", location: "b" } }),
    ).rejects.toThrow("Lambda compute does not support timeoutInMinutes, cache; leave it out or use LINUX_CONTAINER");
    const beijing = new CodeBuildClient({ endpoint: bench.codebuild.url, region: "cn-north-1", credentials });
    await expect(beijing.send(new CreateProjectCommand(projectInput({ environment: lambda })))).rejects.toThrow(
      "Lambda compute is not available in cn-north-1; use LINUX_CONTAINER",
    );
    const gov = new CodeBuildClient({ endpoint: bench.codebuild.url, region: "us-gov-west-1", credentials });
    await expect(gov.send(new CreateProjectCommand(projectInput({ environment: lambda })))).rejects.toThrow(
      "Lambda compute is not available in us-gov-west-1; use LINUX_CONTAINER",
    );
    gov.destroy();
    const { project } = await beijing.send(new CreateProjectCommand(projectInput()));
    expect(project?.arn).toBe("arn:aws-cn:codebuild:cn-north-1:123456789012:project/sample");
    expect(project?.encryptionKey).toBe("arn:aws-cn:kms:cn-north-1:123456789012:alias/aws/s3");
    beijing.destroy();
  });
});

describe("UpdateProject", () => {
  test("replaces what is given and keeps the rest", async () => {
    const created = await create(everything);
    const { project } = await bench.client.send(
      new UpdateProjectCommand({ name: created.name, timeoutInMinutes: 7, tags: [], sourceVersion: "v9" }),
    );
    expect(project).toEqual({
      ...created,
      timeoutInMinutes: 7,
      tags: [],
      sourceVersion: "v9",
      lastModified: project!.lastModified,
    });
    expect(await get("every-thing_1")).toEqual(project);
  });

  test("a limit of -1 and an empty VPC take the setting away", async () => {
    await create(everything);
    const { project } = await bench.client.send(
      new UpdateProjectCommand({ name: "every-thing_1", concurrentBuildLimit: -1, vpcConfig: {} }),
    );
    expect(project?.concurrentBuildLimit).toBeUndefined();
    expect(project?.vpcConfig).toBeUndefined();
  });

  test("a refused update changes nothing; an unknown project is not found", async () => {
    const created = await create();
    const update = new UpdateProjectCommand({ name: "sample", description: "new", timeoutInMinutes: 1 });
    await expect(bench.client.send(update)).rejects.toMatchObject({ name: "InvalidInputException" });
    expect(await get("sample")).toEqual(created);
    await expect(bench.client.send(new UpdateProjectCommand({ name: "nobody" }))).rejects.toMatchObject({
      name: "ResourceNotFoundException",
    });
  });

  test("visibility is kept", async () => {
    const { arn: projectArn } = await create();
    const visibility = {
      projectArn,
      projectVisibility: "PUBLIC_READ",
      resourceAccessRole: "arn:aws:iam::1:role/r",
    } as const;
    await bench.client.send(new UpdateProjectVisibilityCommand(visibility));
    await bench.client.send(new UpdateProjectCommand({ name: "sample", description: "new" }));
    expect(await get("sample")).toMatchObject({
      projectVisibility: "PUBLIC_READ",
      resourceAccessRole: "arn:aws:iam::1:role/r",
      description: "new",
    });
  });
});

test("deleting a project leaves its builds, and may be done twice", async () => {
  await create();
  const { id } = await bench.startBuild();
  for (let n = 0; n < 2; n += 1) await bench.client.send(new DeleteProjectCommand({ name: "sample" }));
  expect(await get("sample")).toBeUndefined();
  expect((await bench.ended(id)).buildStatus).toBe("SUCCEEDED");
  expect((await create()).name).toBe("sample");
  expect((await bench.startBuild()).buildNumber).toBe(2);
});

test("a project may be deleted by its ARN, as Terraform does it", async () => {
  const { arn } = await create();
  await bench.client.send(new DeleteProjectCommand({ name: arn }));
  expect(await get("sample")).toBeUndefined();
});

test("ListProjects sorts by name and pages by 100; BatchGetProjects names what is not there", async () => {
  const names = Array.from({ length: 101 }, (_, n) => `p${String(n).padStart(3, "0")}`);
  for (const name of [...names].reverse()) await create({ name });
  const first = await bench.client.send(new ListProjectsCommand({}));
  expect(first.projects).toEqual(names.slice(0, 100));
  const second = await bench.client.send(new ListProjectsCommand({ nextToken: first.nextToken }));
  expect(second.projects).toEqual(["p100"]);
  expect(second.nextToken).toBeUndefined();
  const descending = await bench.client.send(new ListProjectsCommand({ sortOrder: "DESCENDING" }));
  expect(descending.projects?.[0]).toBe("p100");
  const found = await bench.client.send(new BatchGetProjectsCommand({ names: ["p001", "nobody"] }));
  expect(found.projects?.map(({ name }) => name)).toEqual(["p001"]);
  expect(found.projectsNotFound).toEqual(["nobody"]);
});

test("InvalidateProjectCache needs a project", async () => {
  await create();
  await bench.client.send(new InvalidateProjectCacheCommand({ projectName: "sample" }));
  await expect(bench.client.send(new InvalidateProjectCacheCommand({ projectName: "nobody" }))).rejects.toMatchObject({
    name: "ResourceNotFoundException",
  });
});

describe("protocol", () => {
  const post = (headers: Record<string, string>, body: string) =>
    fetch(bench.codebuild.url, { method: "POST", headers, body });

  test("an operation that is not there is named, with those that are", async () => {
    await expect(bench.client.send(new CreateWebhookCommand({ projectName: "sample" }))).rejects.toMatchObject({
      name: "UnknownOperationException",
      message: expect.stringMatching(
        /^CodeBuild on this machine has no operation "CreateWebhook"; it has: CreateProject, /,
      ) as string,
    });
    const answer = await fetch(`${bench.codebuild.url}/some/path`);
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain('no operation \\"GET /some/path\\"');
  });

  test("times are seconds, and an unsigned request plays in the default region", async () => {
    await create();
    const answer = await post({ "x-amz-target": "CodeBuild_20161006.BatchGetProjects" }, '{"names":["sample"]}');
    const { projects } = (await answer.json()) as { projects: [{ created: number }] };
    expect(Math.abs(projects[0].created - Date.now() / 1000)).toBeLessThan(5);
    expect(answer.headers.get("content-type")).toBe("application/x-amz-json-1.1");
  });

  test("a body that is no JSON", async () => {
    const answer = await post({ "x-amz-target": "CodeBuild_20161006.ListProjects" }, "{");
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ __type: "SerializationException" });
  });
});
