import {
  BatchDeleteBuildsCommand,
  BatchGetBuildsCommand,
  CodeBuildClient,
  ListBuildsCommand,
  ListBuildsForProjectCommand,
  RetryBuildCommand,
  StartBuildCommand,
  StopBuildCommand,
  UpdateProjectCommand,
} from "@aws-sdk/client-codebuild";
import { Bench, buildspec, commands, contextOf, credentials, isRunning, phasesOf } from "./codebuild-support";

let bench: Bench;
beforeEach(async () => {
  bench = await Bench.start();
  await bench.create();
});
afterEach(() => bench.close());

/** Milliseconds; long enough for a shell to start within five of them on a busy machine. */
const SHORT_MINUTE = 200;

/** For tests that wait for minutes; for all others their limits stay far away. */
async function shortenMinutes(): Promise<void> {
  await bench.close();
  bench = await Bench.start({ minuteInMilliseconds: SHORT_MINUTE });
  await bench.create();
}

/** Runs until the build is stopped; says so in the log. */
const endless = commands("echo $$ && sleep 60");
const refused = (name: string, message: string) => expect.objectContaining({ name, message }) as Error;

describe("StartBuild", () => {
  test("answers with the build as it is submitted", async () => {
    const build = await bench.startBuild({ sourceVersion: "v1", timeoutInMinutesOverride: 30 });
    const uuid = build.id.split(":")[1]!;
    expect(build).toMatchObject({
      id: expect.stringMatching(/^sample:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/) as string,
      arn: `arn:aws:codebuild:us-east-1:123456789012:build/sample:${uuid}`,
      buildNumber: 1,
      buildStatus: "IN_PROGRESS",
      buildComplete: false,
      currentPhase: expect.stringMatching(/^(SUBMITTED|QUEUED)$/) as string,
      projectName: "sample",
      sourceVersion: "v1",
      timeoutInMinutes: 30,
      queuedTimeoutInMinutes: 480,
      encryptionKey: "arn:aws:kms:us-east-1:123456789012:alias/aws/s3",
      serviceRole: "arn:aws:iam::123456789012:role/build",
    });
    expect(Math.abs(build.startTime!.getTime() - Date.now())).toBeLessThan(5000);
    expect(build.endTime).toBeUndefined();
    expect((await bench.startBuild()).buildNumber).toBe(2);
  });

  test("an unknown project", async () => {
    await expect(bench.startBuild({ projectName: "nobody" })).rejects.toEqual(
      refused(
        "ResourceNotFoundException",
        "Project cannot be found: arn:aws:codebuild:us-east-1:123456789012:project/nobody",
      ),
    );
  });

  test.each([4, 2161])("a timeout of %d minutes is refused", async (minutes) => {
    await expect(bench.startBuild({ timeoutInMinutesOverride: minutes })).rejects.toMatchObject({
      name: "InvalidInputException",
      message: expect.stringMatching(new RegExp(`^timeoutInMinutesOverride: .*, got: ${minutes}$`)) as string,
    });
  });

  test("UpdateProject takes effect on the next build, not on those that were started", async () => {
    const [, , third] = [
      await bench.startBuild({ buildspecOverride: endless }),
      await bench.startBuild({ buildspecOverride: endless }),
      await bench.startBuild(),
    ];
    const source = { type: "NO_SOURCE", buildspec: commands("echo changed") } as const;
    await bench.client.send(new UpdateProjectCommand({ name: "sample", source }));
    expect((await bench.get(third.id)).source?.buildspec).toBe(commands("true"));
    await bench.client.send(new StopBuildCommand({ id: third.id }));
    const next = await bench.startBuild();
    expect(next.source?.buildspec).toBe(commands("echo changed"));
  });

  test("an image of CodeBuild's own runs where it is made for", async () => {
    await expect(bench.startBuild({ imageOverride: "aws/codebuild/amazonlinux-aarch64-standard:3.0" })).rejects.toEqual(
      refused(
        "InvalidInputException",
        "AWS CodeBuild curated image aws/codebuild/amazonlinux-aarch64-standard:3.0 is not supported for projects with environment type LINUX_CONTAINER and compute type BUILD_GENERAL1_SMALL",
      ),
    );
  });

  test("Lambda compute has no privilege and no timeouts of one's own", async () => {
    const lambda = {
      environmentTypeOverride: "LINUX_LAMBDA_CONTAINER",
      computeTypeOverride: "BUILD_LAMBDA_1GB",
      imageOverride: "aws/codebuild/amazonlinux-x86_64-lambda-standard:nodejs22",
    } as const;
    expect((await bench.startBuild(lambda)).timeoutInMinutes).toBe(15);
    await expect(
      bench.startBuild({ ...lambda, privilegedModeOverride: true, timeoutInMinutesOverride: 10 }),
    ).rejects.toEqual(
      refused(
        "InvalidInputException",
        "Lambda compute does not support privilegedMode, timeoutInMinutes; leave it out or use LINUX_CONTAINER",
      ),
    );
  });

  test.each([
    [{ sourceTypeOverride: "GITHUB", sourceLocationOverride: "https://git.test/a" }, "Source type GITHUB"],
    [{ artifactsOverride: { type: "S3", location: "out" } }, "Artifacts at arn:aws:s3:::out"],
    [{ environmentTypeOverride: "WINDOWS_SERVER_2022_CONTAINER" }, "Environment type WINDOWS_SERVER_2022_CONTAINER"],
    [
      { environmentVariablesOverride: [{ name: "A", value: "/a", type: "PARAMETER_STORE" }] },
      "Environment variable A of type PARAMETER_STORE",
    ],
  ] as const)("what this machine cannot do fails the build and says so: %j", async (input, what) => {
    const { build } = await bench.run(structuredClone(input) as object);
    expect(build.buildStatus).toBe("FAILED");
    expect(contextOf(build, "DOWNLOAD_SOURCE")).toEqual({
      statusCode: "NOT_SUPPORTED_LOCALLY",
      message: `${what}: not supported by CodeBuild on this machine`,
    });
  });
});

describe("idempotency token", () => {
  test("same token, same parameters: the same build; other parameters: refused; no token: another build", async () => {
    const parameters = { environmentVariablesOverride: [{ name: "A", value: "1" }] };
    const first = await bench.startBuild({ ...parameters, idempotencyToken: "t" });
    expect((await bench.startBuild({ ...parameters, idempotencyToken: "t" })).id).toBe(first.id);
    await expect(bench.startBuild({ idempotencyToken: "t" })).rejects.toEqual(
      refused(
        "InvalidInputException",
        "Parameter mismatch: the idempotency token t was used within 5 minutes with other parameters",
      ),
    );
    expect((await bench.startBuild({ ...parameters, idempotencyToken: "T" })).id).not.toBe(first.id);
    expect((await bench.startBuild(parameters)).id).not.toBe(first.id);
    expect((await bench.client.send(new ListBuildsCommand({}))).ids).toHaveLength(3);
  });

  test("lives 5 minutes", async () => {
    await shortenMinutes();
    const first = await bench.startBuild({ idempotencyToken: "t" });
    await new Promise((resolve) => setTimeout(resolve, 6 * SHORT_MINUTE));
    expect((await bench.startBuild({ idempotencyToken: "t" })).id).not.toBe(first.id);
  });

  test("a refused call does not use it up", async () => {
    await expect(bench.startBuild({ projectName: "later", idempotencyToken: "t" })).rejects.toThrow("cannot be found");
    await bench.create({ name: "later" });
    expect((await bench.startBuild({ projectName: "later", idempotencyToken: "t" })).projectName).toBe("later");
  });
});

describe("queue", () => {
  test("two builds run, others wait until one has ended", async () => {
    const first = await bench.startBuild({ buildspecOverride: endless });
    const second = await bench.startBuild({ buildspecOverride: endless });
    const third = await bench.startBuild({ buildspecOverride: endless });
    await Promise.all([first, second].map(({ id }) => bench.until(id, (build) => build.currentPhase === "BUILD")));
    expect((await bench.get(third.id)).currentPhase).toBe("QUEUED");
    await bench.client.send(new StopBuildCommand({ id: first.id }));
    await bench.until(third.id, (build) => build.currentPhase === "BUILD");
  });

  test("who waits longer than the queued timeout is TIMED_OUT and never runs", async () => {
    await shortenMinutes();
    for (let n = 0; n < 2; n += 1) await bench.startBuild({ buildspecOverride: endless });
    const { id } = await bench.startBuild({ queuedTimeoutInMinutesOverride: 5 });
    const build = await bench.ended(id);
    expect(build.buildStatus).toBe("TIMED_OUT");
    expect(phasesOf(build)).toEqual(["SUBMITTED SUCCEEDED", "QUEUED TIMED_OUT", "COMPLETED"]);
    expect(contextOf(build, "QUEUED")?.message).toBe(
      "Build has timed out. It was queued for longer than its queued timeout of 5 minutes",
    );
  });

  test("a concurrent build limit makes an error of what would be queued", async () => {
    await bench.create({ name: "one", concurrentBuildLimit: 1 });
    const { id } = await bench.startBuild({ projectName: "one", buildspecOverride: endless });
    await expect(bench.startBuild({ projectName: "one" })).rejects.toEqual(
      refused("AccountLimitExceededException", "Cannot have more than 1 active builds for the project one"),
    );
    await bench.client.send(new StopBuildCommand({ id }));
    expect((await bench.startBuild({ projectName: "one" })).buildNumber).toBe(2);
  });
});

describe("the end of a build", () => {
  test("the timeout kills the whole process group, and nothing runs after it", async () => {
    await shortenMinutes();
    const { id } = await bench.startBuild({
      timeoutInMinutesOverride: 5,
      buildspecOverride: buildspec({
        build: { commands: ["sh -c 'echo $$; sleep 60' & sleep 60"], finally: ["echo not reached"] },
        post_build: { commands: ["echo not reached"] },
      }),
    });
    const build = await bench.ended(id);
    expect(build.buildStatus).toBe("TIMED_OUT");
    expect(phasesOf(build).slice(6)).toEqual(["BUILD TIMED_OUT", "FINALIZING SUCCEEDED", "COMPLETED"]);
    expect(contextOf(build, "BUILD")).toEqual({
      statusCode: "BUILD_TIMED_OUT",
      message: "Build has timed out. It ran for longer than its timeout of 5 minutes",
    });
    const log = await bench.log(id);
    expect(log).not.toContain("Running command echo not reached");
    expect(isRunning(/^\d+$/m.exec(log)![0])).toBe(false);
  });

  test("StopBuild answers when nothing runs any more", async () => {
    const { id } = await bench.startBuild({ buildspecOverride: endless });
    await bench.until(id, (build) => build.currentPhase === "BUILD");
    const { build } = await bench.client.send(new StopBuildCommand({ id }));
    expect(build).toMatchObject({ id, buildStatus: "STOPPED", buildComplete: true, currentPhase: "COMPLETED" });
    expect(phasesOf(build!).slice(6)).toEqual(["BUILD STOPPED", "FINALIZING SUCCEEDED", "COMPLETED"]);
    const pid = /^\d+$/m.exec(await bench.log(id))?.[0];
    expect(pid === undefined || !isRunning(pid)).toBe(true);
  });

  test("StopBuild of a queued build, and of one that has ended", async () => {
    for (let n = 0; n < 2; n += 1) await bench.startBuild({ buildspecOverride: endless });
    const queued = await bench.startBuild();
    const { build } = await bench.client.send(new StopBuildCommand({ id: queued.id }));
    expect(phasesOf(build!)).toEqual(["SUBMITTED SUCCEEDED", "QUEUED STOPPED", "COMPLETED"]);
    expect((await bench.client.send(new StopBuildCommand({ id: queued.id }))).build).toEqual(build);
    await expect(bench.client.send(new StopBuildCommand({ id: "sample:none" }))).rejects.toEqual(
      refused("ResourceNotFoundException", "Build sample:none does not exist"),
    );
  });

  test("progress is told as it happens", async () => {
    const { build } = await bench.run({ buildspecOverride: commands("exit 3") });
    expect(bench.events[0]).toMatchObject({ type: "build-started", buildId: build.id });
    expect(bench.events).toContainEqual({
      type: "phase-ended",
      buildId: build.id,
      phase: "BUILD",
      status: "FAILED",
      message: "Error while executing command: exit 3. Reason: exit status 3",
    });
    expect(bench.events.at(-1)).toMatchObject({ type: "build-ended", buildId: build.id, status: "FAILED" });
  });
});

describe("builds as a list", () => {
  test("newest first, per project and in all, by id and by ARN", async () => {
    await bench.create({ name: "other" });
    const ids: string[] = [];
    for (const projectName of ["sample", "other", "sample"]) ids.push((await bench.startBuild({ projectName })).id);
    const [first, second, third] = ids as [string, string, string];
    expect((await bench.client.send(new ListBuildsCommand({}))).ids).toEqual([third, second, first]);
    expect((await bench.client.send(new ListBuildsCommand({ sortOrder: "ASCENDING" }))).ids).toEqual(ids);
    const ofProject = new ListBuildsForProjectCommand({ projectName: "sample" });
    expect((await bench.client.send(ofProject)).ids).toEqual([third, first]);
    const arn = `arn:aws:codebuild:us-east-1:123456789012:build/${second}`;
    const found = await bench.client.send(new BatchGetBuildsCommand({ ids: [arn, first, "other:none"] }));
    expect(found.builds?.map(({ id }) => id)).toEqual([second, first]);
    expect(found.buildsNotFound).toEqual(["other:none"]);
    await expect(bench.client.send(new ListBuildsForProjectCommand({ projectName: "nobody" }))).rejects.toMatchObject({
      name: "ResourceNotFoundException",
    });
  });

  test("BatchDeleteBuilds takes what has ended", async () => {
    const { build } = await bench.run();
    const running = await bench.startBuild({ buildspecOverride: endless });
    const deleted = await bench.client.send(
      new BatchDeleteBuildsCommand({ ids: [build.id!, running.id, "sample:none"] }),
    );
    expect(deleted.buildsDeleted).toEqual([build.arn]);
    expect(deleted.buildsNotDeleted).toEqual([
      { id: running.id, statusCode: "BUILD_IN_PROGRESS" },
      { id: "sample:none", statusCode: "BUILD_NOT_FOUND" },
    ]);
    expect((await bench.client.send(new ListBuildsCommand({}))).ids).toEqual([running.id]);
  });

  test("RetryBuild starts anew with the same parameters", async () => {
    const { build } = await bench.run({
      buildspecOverride: commands("echo $A"),
      environmentVariablesOverride: [{ name: "A", value: "again" }],
    });
    const retried = await bench.client.send(new RetryBuildCommand({ id: build.id }));
    expect(retried.build).toMatchObject({ buildNumber: 2, buildStatus: "IN_PROGRESS" });
    const { id } = await bench.ended(retried.build!.id!);
    expect(await bench.log(id!)).toContain("\nagain\n");
  });

  test("builds belong to the region that the caller signs for", async () => {
    await bench.startBuild();
    const beijing = new CodeBuildClient({ endpoint: bench.codebuild.url, region: "cn-north-1", credentials });
    expect((await beijing.send(new ListBuildsCommand({}))).ids).toEqual([]);
    await expect(beijing.send(new StartBuildCommand({ projectName: "sample" }))).rejects.toEqual(
      refused(
        "ResourceNotFoundException",
        "Project cannot be found: arn:aws-cn:codebuild:cn-north-1:123456789012:project/sample",
      ),
    );
    beijing.destroy();
  });
});

test("close takes no more builds, and leaves none running", async () => {
  const { id } = await bench.startBuild({ buildspecOverride: endless });
  await bench.until(id, (build) => build.currentPhase === "BUILD");
  const closed = bench.codebuild.close();
  await expect(bench.startBuild({ buildspecOverride: endless })).rejects.toThrow();
  await closed;

  expect(bench.events.filter(({ type }) => type === "build-started")).toHaveLength(1);
  expect(bench.events.at(-1)).toMatchObject({ type: "build-ended", buildId: id, status: "STOPPED" });
});
