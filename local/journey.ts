import { createReadStream } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import { CodeBuildClient, type Build } from "@aws-sdk/client-codebuild";
import { ECRClient, GetAuthorizationTokenCommand } from "@aws-sdk/client-ecr";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { names } from "../config/names";
import type { PipelineConfig, ServiceConfig } from "../config/schema";
import { ANYTHING } from "../core/key-pattern";
import { buildLog, lastOwnLine, waitForBuild, type WaitOptions } from "./builds";
import { realLayers, writeImageArchive, zipArchive, type LayerFile } from "./fixtures";
import { proveImage, type Proof } from "./proof";
import type { Plan } from "./terraform/run";

/** A way into the registry that is not the machine's own. */
export interface RegistryAccess {
  readonly proxyUrl: string;
  /** PEM file. @default - the authorities that Node knows */
  readonly caFile?: string;
}

/** The AWS clients that a journey needs; region, credentials and endpoints come from the environment. */
export interface Clients {
  readonly s3: S3Client;
  readonly codebuild: CodeBuildClient;
  readonly ecr: ECRClient;
  readonly logs: CloudWatchLogsClient;
  close(): void;
}

export function awsClients(region: string): Clients {
  const s3 = new S3Client({ region });
  const codebuild = new CodeBuildClient({ region });
  const ecr = new ECRClient({ region });
  const logs = new CloudWatchLogsClient({ region });
  return {
    s3,
    codebuild,
    ecr,
    logs,
    close: () => {
      for (const client of [s3, codebuild, ecr, logs]) client.destroy();
    },
  };
}

/** A zip that is ready to be dropped. */
export interface Package {
  readonly file: string;
  readonly bytes: number;
  readonly service: ServiceConfig;
  /** Where it is dropped: the service's key, or one that its pattern matches. */
  readonly key: string;
  readonly gitHash: string;
  readonly layers: number;
}

export interface PackageOptions {
  readonly service: ServiceConfig;
  readonly gitHash: string;
  readonly directory: string;
  /** About this many bytes of layers, real content. @default - a few KB */
  readonly bytes?: number;
  /** The files of each layer, lowest first. @default - as `bytes` says */
  readonly layers?: readonly (readonly LayerFile[])[];
  /** Tells images of the same size apart. @default - the git hash */
  readonly label?: string;
}

/** Makes `<service>.zip` as a sender would: `docker save`, then zip. */
export async function packageImage({
  service,
  gitHash,
  directory,
  bytes,
  layers: files,
  label = gitHash,
}: PackageOptions): Promise<Package> {
  await mkdir(directory, { recursive: true });
  const archive = join(directory, `${service.name}-${gitHash}.tar`);
  const file = join(directory, `${service.name}-${gitHash}.zip`);
  // An account id selects by what begins the reference; whatever it is, the reference begins with it.
  const account = service.sourceAccount ?? "111122223333";
  const registry = account.includes(".") ? account.replace(/\/.*$/, "") : `${account}.dkr.ecr.us-east-1.amazonaws.com`;
  const layers = bytes === undefined ? undefined : await realLayers({ bytes, layers: 4, label });
  const small = [
    [{ path: "etc/os-release", content: "ID=sample\n" }],
    [{ path: "app/version", content: `${label}\n` }],
  ];
  const [image] = await writeImageArchive({
    path: archive,
    references: [`${registry}/${service.repository}:${gitHash}`],
    layers: files ?? layers ?? small,
  });
  await zipArchive({ path: file, member: service.archive, archive });
  const key = service.key.replaceAll(ANYTHING, gitHash);
  return { file, bytes: (await stat(file)).size, service, key, gitHash, layers: image?.layers.length ?? 0 };
}

/** Uploads a package to its key; answers with the version that this made. */
export async function drop(s3: S3Client, bucket: string, { file, bytes, key }: Package): Promise<string | undefined> {
  const { VersionId } = await s3.send(
    new PutObjectCommand({ Bucket: bucket, Key: key, Body: createReadStream(file), ContentLength: bytes }),
  );
  return VersionId;
}

/** Waits for the build of a drop. @throws Error with the log's last own line when the build did not succeed */
export async function successfulBuild(
  clients: Clients,
  pipeline: PipelineConfig,
  service: ServiceConfig,
  versionId: string | undefined,
  options: Pick<WaitOptions, "interval" | "onPhase" | "startTimeout"> = {},
): Promise<Build> {
  const build = await waitForBuild(clients.codebuild, names(pipeline.name).buildProject(service.name), versionId, {
    timeout: service.buildTimeout * 60,
    ...options,
  });
  if (build.buildStatus === "SUCCEEDED") return build;
  const reason = lastOwnLine(await buildLog(clients.logs, build));
  throw new Error(
    `build ${build.id ?? ""} ended as ${build.buildStatus ?? "unknown"}: ${reason ?? "its log is empty"}`,
  );
}

/** Reads the published image back and proves that it is the package's. */
export async function proveDrop(
  clients: Clients,
  repositoryUrl: string,
  { file, service }: Package,
  tag: string,
  access?: RegistryAccess,
): Promise<Proof> {
  const { authorizationData = [] } = await clients.ecr.send(new GetAuthorizationTokenCommand({}));
  const [host = "", ...path] = repositoryUrl.split("/");
  return await proveImage({
    archive: file,
    member: service.archive,
    registry: {
      ...access,
      host,
      repository: path.join("/"),
      tag,
      authorization: `Basic ${authorizationData[0]?.authorizationToken ?? ""}`,
    },
  });
}

/** What a second plan must come to. @throws Error where it would change something */
export function nothingToChange({ changes, summary }: Plan): string {
  if (changes) throw new Error(`the second plan must be empty: ${summary}`);
  return summary;
}
