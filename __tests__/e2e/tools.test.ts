import { appendFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { BatchGetProjectsCommand, StartBuildCommand, type Build } from "@aws-sdk/client-codebuild";
import { ListBucketsCommand } from "@aws-sdk/client-s3";
import { buildLog, buildsOf } from "../../local/builds";
import { stackDirectory } from "../../local/synth";
import { applyPipelines, type AppliedPipelines } from "../support/pipelines";
import { until } from "../support/until";

const YAML = `
name: images
region: us-east-1
bucket: image-drops
protect: false
services: [api]
`;
const PROJECT = "images_api";
const MINUTES = 60_000;

let applied: AppliedPipelines;
beforeAll(async () => {
  applied = await applyPipelines(YAML);
}, 5 * MINUTES);
afterAll(async () => {
  await applied.close();
}, MINUTES);

test(
  "a new publisher reaches builds that start after it, and leaves those that were started before it what they were started with",
  async () => {
    const { stack } = applied.pipeline("images");
    const before = await sourceVersion();
    await changePublisher();
    await stack.plan();
    await stack.apply();
    const after = await sourceVersion();
    expect(before).toMatch(/./);
    expect(after).toMatch(/./);
    expect(after).not.toBe(before);

    expect(await greeting({})).toBe(true);
    // What a build keeps that waited in CodeBuild's queue while Terraform replaced the publisher.
    expect(await greeting({ sourceVersion: before })).toBe(false);
    expect(await stack.plan()).toMatchObject({ changes: false });
  },
  3 * MINUTES,
);

test(
  "destroying takes every version of the publisher along, and both buckets",
  async () => {
    await applied.pipeline("images").stack.destroy();
    const { Buckets } = await applied.clients.s3.send(new ListBucketsCommand({}));
    expect(Buckets).toStrictEqual([]);
  },
  3 * MINUTES,
);

async function sourceVersion(): Promise<string | undefined> {
  const { projects } = await applied.clients.codebuild.send(new BatchGetProjectsCommand({ names: [PROJECT] }));
  return projects?.[0]?.sourceVersion;
}

/** As a new release of the publisher would: Terraform zips what lies in the stack's folder. */
async function changePublisher(): Promise<void> {
  const assets = join(stackDirectory(join(applied.directory, "cdktf.out"), "images"), "assets");
  const [folder = ""] = (await readdir(assets)).filter((name) => /publish-image_[0-9A-F]+$/.test(name));
  await appendFile(join(assets, folder, "publish-image.js"), '\nconsole.error("the new publisher greets");\n');
}

/** Whether a build, which got its source but no drop, ran the new publisher. */
async function greeting(start: { readonly sourceVersion?: string | undefined }): Promise<boolean> {
  const { build } = await applied.clients.codebuild.send(new StartBuildCommand({ projectName: PROJECT, ...start }));
  const ended = await until("the build has ended", async () => await endedBuild(build?.id), MINUTES);
  expect(ended.phases?.find(({ phaseType }) => phaseType === "DOWNLOAD_SOURCE")?.phaseStatus).toBe("SUCCEEDED");
  const log = (await buildLog(applied.clients.logs, ended)).join("\n");
  expect(log).toContain("cannot publish with this environment");
  return log.includes("the new publisher greets");
}

async function endedBuild(id: string | undefined): Promise<Build | undefined> {
  return (await buildsOf(applied.clients.codebuild, PROJECT)).find((build) => build.id === id && build.buildComplete);
}
