import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { stringify } from "yaml";
import { loadPipelines } from "../config/load";
import type { PipelineInput } from "../config/schema";
import { commandLine, endWith, misuse } from "./command";
import { BuildNotStartedError } from "./builds";
import { emptyBucket, emptyRepository } from "./empty";
import { Interruption } from "./interrupt";
import { awsClients, drop, packageImage, nothingToChange, proveDrop, successfulBuild } from "./journey";
import { Steps } from "./steps";
import { stackDirectory, synthesise } from "./synth";
import { prepareTerraform } from "./terraform";
import { terraform } from "./terraform/run";
import { howToDestroy } from "./what-is-left";

const HELP = `npm run acceptance -- --profile P --region R [--keep]

The proof of the demo in your own AWS account: applies a throw-away pipeline with a random name (state in a local file), drops an image
archive into S3, waits for the build, reads the image back from ECR and proves that it is the archive's, plans again, then
empties and destroys everything. Costs a few cents. What it creates is tagged and named acceptance-<random>.

  --profile P  a profile of your AWS configuration
  --region R   e.g. eu-west-1, cn-north-1
  --keep       leave the pipeline in place, and say how to destroy it
  --help       this text
`;

const PROJECT = resolve(__dirname, "..");
const MEGABYTES = 30;
/** CodeBuild throttles an account that asks for its builds several times a second. */
const POLL_MS = 5_000;
/**
 * Seconds. "It usually takes about five minutes" until S3 reports uploads to a bucket's new configuration.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-enable-disable-notification-intro.html
 */
const REPORTED_AFTER = 360;

async function acceptance(profile: string, region: string, keep: boolean): Promise<void> {
  process.env.AWS_PROFILE = profile;
  process.env.AWS_REGION = region;
  const proxyUrl = process.env.HTTPS_PROXY;
  const steps = new Steps(new Interruption());
  const id = `acceptance-${randomBytes(4).toString("hex")}`;
  const work = await mkdtemp(join(tmpdir(), `${id}-`));
  const input: PipelineInput = {
    name: id,
    region,
    bucket: `${id}-drops`,
    backend: { local: { path: "terraform.tfstate" } },
    protect: false,
    repositories: { prefix: `${id}/` },
    services: ["sample"],
  };
  const file = join(work, "pipeline.yaml");
  await writeFile(file, stringify(input));
  const [pipeline] = loadPipelines(file).pipelines;
  const [service] = pipeline?.services ?? [];
  if (!pipeline || !service) throw new Error(`${file} describes no service`);

  const output = join(work, "cdktf.out");
  await steps.run("cdktf synth", () => synthesise({ projectDirectory: PROJECT, pipelineFile: file, output }));
  const setup = await prepareTerraform({ directory: join(PROJECT, ".local", "terraform") });
  const clients = awsClients(region);
  const stack = terraform(setup, stackDirectory(output, pipeline.name), {
    onLine: (line) => {
      steps.note(line);
    },
  });
  let left = false;
  try {
    await steps.complete("terraform init", () => stack.init());
    await steps.complete(
      "terraform plan",
      () => stack.plan(),
      ({ summary }) => summary,
    );
    try {
      left = true;
      await steps.complete("terraform apply", () => stack.apply());
      const outputs = await stack.output();
      const gitHash = randomBytes(6).toString("hex");
      const image = await packageImage({ service, gitHash, directory: work, bytes: MEGABYTES * 1e6 });
      await steps.run("drop and build", () =>
        untilHeard(async () => {
          const versionId = await drop(clients.s3, pipeline.bucket.name, image);
          return successfulBuild(clients, pipeline, service, versionId, {
            interval: POLL_MS,
            startTimeout: REPORTED_AFTER,
            onPhase: ({ currentPhase = "" }) => {
              steps.note(currentPhase);
            },
          });
        }),
      );
      const repository = (outputs.repository_urls as Record<string, string>)[service.name] ?? "";
      for (const tag of [gitHash, ...service.movingTags]) {
        await steps.run(
          `read back and prove :${tag}`,
          () => proveDrop(clients, repository, image, tag, proxyUrl === undefined ? undefined : { proxyUrl }),
          ({ images: [{ config }] }) => `config ${config.digest}`,
        );
      }
      await steps.complete("terraform plan again", () => stack.plan(), nothingToChange);
    } finally {
      if (!keep) {
        await steps.cleanUp("empty the bucket and the repository", async () => {
          // An apply that failed or was interrupted may have made neither.
          await emptyBucket(clients.s3, pipeline.bucket.name).catch(unless("NoSuchBucket"));
          await emptyRepository(clients.ecr, service.repository).catch(unless("RepositoryNotFoundException"));
        });
        await steps.cleanUp("terraform destroy", () => stack.destroy());
        left = false;
      }
    }
  } finally {
    clients.close();
    await setup.close();
    if (left) {
      const directory = stackDirectory(output, pipeline.name);
      const { repository } = service;
      console.log(`\n${howToDestroy({ profile, region, bucket: pipeline.bucket.name, repository, directory })}`);
    } else await rm(work, { recursive: true, force: true });
  }
}

/** Does again, once, what nothing was heard of. */
async function untilHeard<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof BuildNotStartedError)) throw error;
    return action();
  }
}

/** Lets one kind of error pass. */
function unless(name: string): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof Error && error.name === name)) throw error;
  };
}

const values = commandLine(
  {
    profile: { type: "string" },
    region: { type: "string" },
    keep: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
  HELP,
);
if (values?.help) {
  process.stdout.write(HELP);
} else if (values && (values.profile === undefined || values.region === undefined)) {
  misuse("--profile and --region must both be given.", HELP);
} else if (values?.profile !== undefined && values.region !== undefined) {
  endWith(acceptance(values.profile, values.region, values.keep));
}
