import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { CodeBuildClient, ListProjectsCommand } from "@aws-sdk/client-codebuild";
import { DescribeRepositoriesCommand, ECRClient } from "@aws-sdk/client-ecr";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { startEnvironment } from "../../local/environment";

const PROJECT = resolve(__dirname, "../..");
const MINUTES = 60_000;

test(
  "npm run acceptance applies, drops, verifies and leaves nothing behind",
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "acceptance-test-"));
    const environment = await startEnvironment({ projectDirectory: PROJECT, directory, region: "eu-west-1" });
    try {
      const config = join(directory, "aws-config");
      await writeFile(config, "[profile sandbox]\naws_access_key_id = test\naws_secret_access_key = test\n");
      const { AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_CODEBUILD } = environment.variables;
      const { output, code } = await run(["--profile", "sandbox", "--region", "eu-west-1"], {
        AWS_CONFIG_FILE: config,
        AWS_SHARED_CREDENTIALS_FILE: join(directory, "none"),
        AWS_ENDPOINT_URL,
        AWS_ENDPOINT_URL_CODEBUILD,
        HTTPS_PROXY: environment.registry.proxyUrl,
        NO_PROXY: "127.0.0.1",
        NODE_EXTRA_CA_CERTS: environment.registry.caFile,
      });
      expect(output).toContain("No changes.");
      expect(output).toMatch(/ok +read back and prove :staging/);
      expect(output).toMatch(/ok +terraform destroy/);
      expect(code).toBe(0);
      expect(await leftBehind(environment.variables.AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_CODEBUILD)).toEqual([]);
    } finally {
      await environment.close();
      await rm(directory, { recursive: true, force: true });
    }
  },
  6 * MINUTES,
);

test(
  "without a profile or a region it says what is missing, and does nothing",
  async () => {
    const { output, code } = await run(["--region", "eu-west-1"], {});
    expect(output).toContain("--profile and --region must both be given.");
    expect(code).toBe(2);
  },
  MINUTES,
);

async function run(args: readonly string[], env: Readonly<Record<string, string | undefined>>) {
  const child = spawn(join(PROJECT, "node_modules/.bin/tsx"), ["local/acceptance.ts", ...args], {
    cwd: PROJECT,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TF_CLI_CONFIG_FILE: process.env.TF_CLI_CONFIG_FILE, ...env },
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  await once(child, "close");
  return { output, code: child.exitCode };
}

async function leftBehind(endpoint: string | undefined, codebuildEndpoint: string | undefined): Promise<unknown[]> {
  const settings = { region: "eu-west-1", credentials: { accessKeyId: "test", secretAccessKey: "test" } };
  const s3 = new S3Client({ ...settings, endpoint });
  const ecr = new ECRClient({ ...settings, endpoint });
  const codebuild = new CodeBuildClient({ ...settings, endpoint: codebuildEndpoint });
  const { Buckets = [] } = await s3.send(new ListBucketsCommand({}));
  const { repositories = [] } = await ecr.send(new DescribeRepositoriesCommand({}));
  const { projects = [] } = await codebuild.send(new ListProjectsCommand({}));
  for (const client of [s3, ecr, codebuild]) client.destroy();
  return [...Buckets, ...repositories, ...projects];
}
