import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { stringify } from "yaml";
import type { PipelineInput } from "../config/schema";
import { type CloudServer, CloudWorkspace, tokenVariable } from "./cloud-workspace";
import { LeftBehindError, proveRuns } from "./cloud-runs";
import { commandLine, endWith } from "./command";
import { startEnvironment } from "./environment";
import { Interruption } from "./interrupt";
import { Steps } from "./steps";
import { stackDirectory, synthesise } from "./synth";
import { prepareTerraform } from "./terraform";
import { terraform } from "./terraform/run";
import { variable } from "./terraform/variables";

const HELP = `npm run test:cloud [-- --region R] [-- --local-aws]

Proves that a pipeline lives in HCP Terraform, Terraform Enterprise or a server like them: plan, apply, a change of the programs' code, outputs,
a plan without changes and destroy, each as a remote run in a throw-away workspace. The server is named by TFC_HOSTNAME, TFC_TOKEN and
TFC_ORGANIZATION; without them nothing is run, which is said.

  --region R    where the pipeline is made, default us-east-1; the runs need AWS credentials, by a variable set of the organisation
  --local-aws   AWS on this machine, for a server that is on it, too
  --help        this text
`;

const PROJECT = resolve(__dirname, "..");

/** The server that the environment names; undefined where it names none. */
export function namedServer(environment: NodeJS.ProcessEnv): CloudServer | undefined {
  const hostname = variable(environment, "TFC_HOSTNAME");
  const token = variable(environment, "TFC_TOKEN");
  const organization = variable(environment, "TFC_ORGANIZATION");
  if (hostname === undefined && token === undefined && organization === undefined) return undefined;
  if (hostname === undefined || token === undefined || organization === undefined) {
    throw new Error("TFC_HOSTNAME, TFC_TOKEN and TFC_ORGANIZATION must all be set: only some of them are");
  }
  return { hostname, token, organization };
}

interface Options {
  readonly server: CloudServer;
  readonly region: string;
  readonly localAws: boolean;
}

async function prove({ server, region, localAws }: Options): Promise<void> {
  const steps = new Steps(new Interruption());
  const id = `cloud-${randomBytes(4).toString("hex")}`;
  const work = await mkdtemp(join(tmpdir(), `${id}-`));
  const closing: (() => Promise<void>)[] = [() => rm(work, { recursive: true, force: true })];
  try {
    const variables = { AWS_REGION: region, ...(localAws && (await startAws(work, region, closing))) };
    const output = join(work, "cdktf.out");
    const synth = (services: readonly string[]) => synthesiseInto(work, output, { server, region, id, services });
    await steps.run("cdktf synth", () => synth(["api"]));
    const workspace = await steps.run("create the workspace", () => CloudWorkspace.create(server, id));
    try {
      await workspace.setVariables(variables);
      const setup = await prepareTerraform({ directory: join(work, "terraform") });
      closing.unshift(() => setup.close());
      const stack = terraform(setup, stackDirectory(output, id), {
        environment: { [tokenVariable(server.hostname)]: server.token },
        onLine: (line) => {
          steps.note(line);
        },
      });
      await proveRuns(steps, { workspace: id, terraform: stack, synthesise: synth });
    } catch (error) {
      if (!(error instanceof LeftBehindError)) await workspace.delete();
      throw error;
    }
    await workspace.delete();
  } finally {
    for (const close of closing) await close();
  }
}

/** The variables by which the runs reach AWS on this machine. */
async function startAws(
  directory: string,
  region: string,
  closing: (() => Promise<void>)[],
): Promise<Readonly<Record<string, string>>> {
  const environment = await startEnvironment({ projectDirectory: PROJECT, directory, region });
  closing.unshift(() => environment.close());
  return environment.variables;
}

async function synthesiseInto(
  work: string,
  output: string,
  { server, region, id, services }: { server: CloudServer; region: string; id: string; services: readonly string[] },
): Promise<void> {
  const input: PipelineInput = {
    name: id,
    region,
    bucket: `${id}-drops`,
    backend: { cloud: { hostname: server.hostname, organization: server.organization, workspace: id } },
    protect: false,
    repositories: { prefix: `${id}/` },
    services: [...services],
  };
  const file = join(work, "pipeline.yaml");
  await writeFile(file, stringify(input));
  await synthesise({ projectDirectory: PROJECT, pipelineFile: file, output });
}

if (require.main === module) {
  const values = commandLine(
    {
      region: { type: "string", default: "us-east-1" },
      "local-aws": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
    HELP,
  );
  if (values?.help) process.stdout.write(HELP);
  else if (values) endWith(main(values.region, values["local-aws"]));
}

async function main(region: string, localAws: boolean): Promise<void> {
  const server = namedServer(process.env);
  if (server) {
    await prove({ server, region, localAws });
    return;
  }
  console.error(
    "NOT TESTED with remote runs: no server is named. Set TFC_HOSTNAME, TFC_TOKEN and TFC_ORGANIZATION to test with HCP Terraform or a server like it.",
  );
}
