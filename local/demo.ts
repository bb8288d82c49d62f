import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { loadPipelines } from "../config/load";
import { commandLine, endWith, misuse } from "./command";
import { startEnvironment } from "./environment";
import { Interruption } from "./interrupt";
import { awsClients, drop, packageImage, nothingToChange, proveDrop, successfulBuild } from "./journey";
import { ensureMoto } from "./moto";
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
  const steps = new Steps(new Interruption());
  const note = (line: string): void => {
    steps.note(line);
  };
  const [pipeline] = loadPipelines(join(PROJECT, "pipeline.yaml")).pipelines;
  const [service] = pipeline?.services ?? [];
  if (!pipeline || !service) throw new Error("pipeline.yaml describes no service");
  const work = await mkdtemp(join(tmpdir(), "drop-demo-"));
  const closing: (() => Promise<void> | void)[] = [
    () => (options.keep ? undefined : rm(work, { recursive: true, force: true })),
  ];

  console.log("A zip dropped into S3 ends as a verified image in a registry.\n");
  try {
    // First, since it is the likeliest to be missing.
    const setup = await prepareTerraform({ directory: join(PROJECT, ".local", "terraform") });
    closing.push(() => setup.close());
    const environment = await steps.run(
      "AWS on this machine",
      async () => {
        await ensureMoto(PROJECT, { onProgress: note });
        return await startEnvironment({
          projectDirectory: PROJECT,
          directory: work,
          region: pipeline.region,
          onLine: note,
        });
      },
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

    const stack = terraform(setup, stackDirectory(output, pipeline.name), {
      onLine: note,
    });
    await steps.complete(
      "terraform init",
      () => stack.init(),
      () => `Terraform ${setup.version}`,
    );
    await steps.complete(
      "terraform plan",
      () => stack.plan(),
      ({ summary }) => summary,
    );
    await steps.complete("terraform apply", () => stack.apply());
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
        successfulBuild(clients, pipeline, service, versionId, {
          onPhase: ({ currentPhase = "" }) => {
            steps.note(currentPhase);
          },
        }),
      (build) => `build ${build.buildNumber ?? 0} of ${build.projectName ?? ""} ${build.buildStatus ?? ""}`,
    );

    const repository = (outputs.repository_urls as Record<string, string>)[service.name] ?? "";
    for (const tag of [gitHash, ...service.movingTags]) {
      const proof = await steps.run(
        `read back and prove :${tag}`,
        () => proveDrop(clients, repository, image, tag, environment.registry),
        ({ images: [{ config, layers }] }) =>
          `config ${config.digest.slice(0, 19)}, ${layers.length} diffIDs: the archive's`,
      );
      if (tag === gitHash) for (const line of describeProof(proof).split("\n")) steps.detail(line);
    }
    await steps.complete("terraform plan again", () => stack.plan(), nothingToChange);
  } finally {
    await steps.cleanUp("tidy up", async () => {
      for (const close of closing.reverse()) await close();
    });
    if (options.keep) console.log(`\nLeft behind: ${work}`);
  }
  console.log(`\nDone in ${steps.elapsed.toFixed(0)} s: the image in the registry is the one that was dropped.`);
  console.log("To play with it: npm run local. To have it in your account: edit pipeline.yaml, then npx cdktf plan.");
}

const values = commandLine(
  { size: { type: "string", default: "30" }, keep: { type: "boolean", default: false }, help: { type: "boolean" } },
  HELP,
);
const megabytes = Number(values?.size);
if (values?.help) {
  process.stdout.write(HELP);
} else if (values && !(megabytes >= 1 && megabytes <= 2000)) {
  misuse(`--size must be between 1 and 2000 MB, got "${values.size}".`);
} else if (values) {
  endWith(demo({ megabytes, keep: values.keep }));
}
