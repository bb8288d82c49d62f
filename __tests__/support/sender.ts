import type { Build } from "@aws-sdk/client-codebuild";
import { DescribeImagesCommand } from "@aws-sdk/client-ecr";
import { LambdaClient, ResourceNotFoundException, UpdateFunctionConfigurationCommand } from "@aws-sdk/client-lambda";
import { names } from "../../config/names";
import type { ServiceConfig } from "../../config/schema";
import { buildLog, buildsOf, lastOwnLine, waitForBuild } from "../../local/builds";
import { packageImage, type Package } from "../../local/journey";
import type { AppliedPipeline, AppliedPipelines } from "./pipelines";
import { until } from "./until";
import { UPLOADS } from "./uploads";

let serial = 0;

/** Somebody who drops images of one service, and looks at what becomes of them. */
export class Sender {
  readonly #applied: AppliedPipelines;
  readonly #pipeline: AppliedPipeline;
  readonly #service: ServiceConfig;
  readonly project: string;

  constructor(applied: AppliedPipelines, pipeline: string, service: string) {
    this.#applied = applied;
    this.#pipeline = applied.pipeline(pipeline);
    const found = this.#pipeline.config.services.find(({ name }) => name === service);
    if (!found) throw new Error(`pipeline ${pipeline} has no service ${service}`);
    this.#service = found;
    this.project = names(pipeline).buildProject(service);
  }

  get repositoryUrl(): string {
    return (this.#pipeline.outputs.repository_urls as Record<string, string>)[this.#service.name] ?? "";
  }

  /** A key of the service; a new one each time where its key is a pattern. */
  get target(): { Bucket: string; Key: string } {
    serial += 1;
    return {
      Bucket: this.#pipeline.config.bucket.name,
      Key: this.#service.key.replace("{anything}", `${serial} of +%20 é`),
    };
  }

  async newImage(): Promise<Package> {
    serial += 1;
    const gitHash = serial.toString(16).padStart(12, "c0ffee");
    return await packageImage({ service: this.#service, gitHash, directory: this.#applied.directory });
  }

  async upload(how: keyof typeof UPLOADS, image: Package): Promise<string | undefined> {
    return await UPLOADS[how](this.#applied.clients.s3, this.target, image);
  }

  async builds(): Promise<Build[]> {
    return await buildsOf(this.#applied.clients.codebuild, this.project);
  }

  /** The build of a version, which must succeed. */
  async succeeded(version: string | undefined): Promise<Build> {
    const build = await this.ended(version);
    if (build.buildStatus !== "SUCCEEDED") throw new Error((await this.log(build)).join("\n"));
    return build;
  }

  async ended(version: string | undefined): Promise<Build> {
    return await waitForBuild(this.#applied.clients.codebuild, this.project, version, { timeout: 60 });
  }

  async endedById(id: string): Promise<Build> {
    return await until(
      `${id} has ended`,
      async () => (await this.builds()).find((build) => build.id === id && build.buildComplete),
      60_000,
    );
  }

  /** The tags of the service's repository. */
  async tags(): Promise<string[]> {
    const command = new DescribeImagesCommand({ repositoryName: this.#service.repository });
    const { imageDetails = [] } = await this.#applied.clients.ecr.send(command);
    return imageDetails.flatMap(({ imageTags = [] }) => imageTags);
  }

  /** Has the pipeline's function, if there is one, start anew at its next event, as after any change of its settings. */
  async coolDown(): Promise<void> {
    const lambda = new LambdaClient({});
    const FunctionName = `${this.#pipeline.config.name}_start-build`;
    serial += 1;
    try {
      await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Description: `changed ${serial}` }));
    } catch (error) {
      if (!(error instanceof ResourceNotFoundException)) throw error;
    } finally {
      lambda.destroy();
    }
  }

  async log(build: Build): Promise<string[]> {
    return await buildLog(this.#applied.clients.logs, build);
  }

  /** What the build's own commands said last. */
  async lastLine(build: Build): Promise<string | undefined> {
    return lastOwnLine(await this.log(build));
  }
}
