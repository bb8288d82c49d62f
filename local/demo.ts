import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { loadPipelines } from "../config/load";
import { startEnvironment } from "./environment";
import { awsClients, drop, packageImage, proveDrop, successfulBuild } from "./journey";
import { describeProof } from "./proof";
import { Steps } from "./steps";
import { stackDirectory, synthesise } from "./synth";
import { prepareTerraform } from "./terraform";
import { terraform } from "./terraform/run";
import { ensureStateBucket } from "./terraform/state-bucket";

const HELP = `npm run demo [-- --keep] [-- --size MB]

The whole path on this machine: starts AWS, synthesises and applies pipeline.yaml with real Terraform, drops an image archive into S3,
follows the build, reads the image back and proves that it is the archive's, plans again, and tidies up.

  --size MB   size of the image's layers, default 30
  --keep      leave the folder with logs and archives behind, and say where it is
  --help      this text
`;

const PROJECT = resolve(__dirname, "..");

async function demo(options: { readonly megabytes: number; readonly keep: boolean }): Promise<void> {
  const steps = new Steps();
  const [pipeline] = loadPipelines(join(PROJECT, "pipeline.yaml")).pipelines;
  const [service] = pipeline?.services ?? [];
  if (!pipeline || !service) throw new Error("pipeline.yaml describes no service");
  const work = await mkdtemp(join(tmpdir(), "drop-demo-"));
  const closing: (() => Promise<void> | void)[] = [
    () => (options.keep ? undefined : rm(work, { recursive: true, force: true })),
  ];

  console.log("A zip dropped into S3 ends as a verified image in a registry.\n");
  try {
    const environment = await steps.run(
      "AWS on this machine",
      () =>
        startEnvironment({
          projectDirectory: PROJECT,
          directory: work,
          region: pipeline.region,
          onLine: (line) => {
            steps.note(line);
          },
        }),
      ({ endpoint }) => `${endpoint}, CodeBuild, Lambda poller, registry`,
    );
    closing.push(() => environment.close());
    Object.assign(process.env, environment.variables);
    const clients = awsClients(pipeline.region);
    closing.push(() => {
      clients.close();
    });

    const output = join(work, "cdktf.out");
    await steps.run(
      "cdktf synth",
      () => synthesise({ projectDirectory: PROJECT, pipelineFile: "pipeline.yaml", output }),
      () => `pipeline ${pipeline.name}: ${pipeline.services.map(({ name }) => name).join(", ")}`,
    );

    const { backend } = pipeline;
    if (backend.kind === "s3") {
      await steps.run(
        "state bucket",
        () => ensureStateBucket({ endpoint: environment.endpoint, bucket: backend.bucket, region: backend.region }),
        () => `s3://${backend.bucket}/${backend.key}, with a lock file`,
      );
    }

    const setup = await prepareTerraform({ directory: join(PROJECT, ".local", "terraform") });
    closing.push(() => setup.close());
    const stack = terraform(setup, stackDirectory(output, pipeline.name), {
      onLine: (line) => {
        steps.note(line);
      },
    });
    await steps.run(
      "terraform init",
      () => stack.init(),
      () => `Terraform ${setup.version}`,
    );
    await steps.run(
      "terraform plan",
      () => stack.plan(),
      ({ summary }) => summary,
    );
    await steps.run("terraform apply", () => stack.apply());
    const outputs = await stack.output();

    const gitHash = randomBytes(20).toString("hex").slice(0, 12);
    const image = await steps.run(
      "make an image archive",
      () => packageImage({ service, gitHash, directory: join(work, "drops"), bytes: options.megabytes * 1e6 }),
      ({ layers, bytes }) => `${service.key}: ${layers} layers, ${(bytes / 1e6).toFixed(1)} MB zipped, tag ${gitHash}`,
    );
    const versionId = await steps.run(
      "drop it",
      () => drop(clients.s3, pipeline.bucket.name, image),
      (version) => `s3://${pipeline.bucket.name}/${service.key} version ${version ?? "(none)"}`,
    );
    await steps.run(
      "S3 -> SQS -> Lambda -> CodeBuild -> ECR",
      () =>
        successfulBuild(clients, pipeline, service, versionId, (build) => {
          steps.note(build.currentPhase ?? "");
        }),
      (build) => `build ${build.buildNumber ?? 0} of ${build.projectName ?? ""} ${build.buildStatus ?? ""}`,
    );

    const repository = (outputs.repository_urls as Record<string, string>)[service.name] ?? "";
    for (const tag of [gitHash, ...service.movingTags]) {
      const proof = await steps.run(
        `read back and prove :${tag}`,
        () => proveDrop(clients, repository, image, tag, environment.registry),
        ({ config, layers }) => `config ${config.digest.slice(0, 19)}, ${layers.length} diffIDs: the archive's`,
      );
      if (tag === gitHash) for (const line of describeProof(proof).split("\n")) steps.detail(line);
    }
    await steps.run(
      "terraform plan again",
      () => stack.plan(),
      ({ changes, summary }) => {
        if (changes) throw new Error(`the second plan must be empty: ${summary}`);
        return summary;
      },
    );
  } finally {
    await steps.run("tidy up", async () => {
      for (const close of closing.reverse()) await close();
    });
    if (options.keep) console.log(`\nLeft behind: ${work}`);
  }
  console.log(`\nDone in ${steps.elapsed.toFixed(0)} s.`);
}

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "30" },
    keep: { type: "boolean", default: false },
    help: { type: "boolean" },
  },
});
const megabytes = Number(values.size);
if (values.help) {
  process.stdout.write(HELP);
} else if (!(megabytes > 0 && megabytes <= 2000)) {
  console.error(`--size must be between 1 and 2000 MB, got ${values.size}`);
  process.exitCode = 2;
} else {
  demo({ megabytes, keep: values.keep }).catch((error: unknown) => {
    console.error(`\n${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  });
}
