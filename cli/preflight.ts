import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ConfigError, formatProblem, type Problem } from "../config/errors";
import type { Finding } from "../config/findings";
import { loadPipelines } from "../config/load";
import { placeFindings } from "../config/place";
import type { PipelineConfig } from "../config/schema";
import { type Account, describeFailure, openAccount } from "./preflight/account";
import { adopt, AdoptError } from "./preflight/adopt";
import { checkBucket } from "./preflight/bucket";
import { findImports, type Import, importLine } from "./preflight/imports";
import { findLosses, readNotifications } from "./preflight/notifications";
import { type Plan, PlanError, readPlan } from "./preflight/plan";
import { merge, type Report } from "./preflight/report";
import { asRole, AssumeRoleError } from "./preflight/role";
import { checkState } from "./preflight/state";
import { checkTopic } from "./preflight/topic";
import { type Output, parseArguments, runCommand, UsageError } from "../core/usage";

const HELP = `npm run preflight -- [PIPELINE] [--plan FILE] [--json]
npm run preflight -- --adopt [PIPELINE]

Looks in the account for what synth cannot know, and changes nothing there: the state's bucket and who locks the state, an existing bucket and
what it reports, an existing topic and its policy. It assumes the roles of provider.assumeRole and backend.s3.assumeRole, as Terraform does.

  PIPELINE     name of one pipeline of the file; default all, needed with --plan and --adopt where there are several
  --plan FILE  what terraform show -json printed of a plan: refused where it would drop or change a notification that is not the
               pipeline's; what an apply that was killed left behind is listed as terraform import lines
  --adopt      writes what others have the existing bucket report to notifications.<pipeline>.json beside the file; commit it
  --file FILE  the configuration; default PIPELINE_FILE, or pipeline.yaml
  --json       one object: errors, notes and imports
  --help       this text

Exit codes: 0 nothing stands in the way, 1 something does, 2 wrong usage, or AWS or a file could not be read.
`;

/** Runs the command and returns its exit code. */
export async function preflightCommand(args: readonly string[], output: Output): Promise<number> {
  try {
    const options = parseOptions(args);
    if (options.help) {
      output.out(HELP);
      return 0;
    }
    return options.adopt ? await adoptInto(options, output) : await check(options, output);
  } catch (error) {
    if (error instanceof ConfigError) {
      output.err(`${error.message}\n`);
      return 1;
    }
    if (!(error instanceof Error)) throw error;
    const known = [UsageError, PlanError, AdoptError, AssumeRoleError].some((each) => error instanceof each);
    output.err(known ? `${error.message}\n` : `${describeFailure(error)}\n`);
    return 2;
  }
}

interface Options {
  readonly pipeline?: string;
  readonly plan?: string;
  readonly file: string;
  readonly adopt: boolean;
  readonly json: boolean;
  readonly help: boolean;
}

function parseOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArguments(args, {
    plan: { type: "string" },
    file: { type: "string" },
    adopt: { type: "boolean" },
    json: { type: "boolean" },
    help: { type: "boolean" },
  });
  const [pipeline, ...rest] = positionals;
  if (rest.length > 0) throw new UsageError(`expected one pipeline, got: ${positionals.join(" ")}`);
  const { plan, adopt: adopting = false, json = false, help = false } = values;
  if (adopting && plan !== undefined) throw new UsageError("--adopt reads the bucket and takes no --plan");
  const file = values.file ?? process.env.PIPELINE_FILE ?? "pipeline.yaml";
  return {
    file,
    adopt: adopting,
    json,
    help,
    ...(pipeline !== undefined && { pipeline }),
    ...(plan !== undefined && { plan }),
  };
}

async function adoptInto({ file, pipeline }: Options, { out }: Output): Promise<number> {
  const { name, text, target, summary } = await adopt(file, pipeline);
  writeFileSync(join(dirname(file), target), text);
  out(`${summary}: wrote ${target}, commit it; pipeline ${name} takes them over with bucket.notifications: adopt\n`);
  return 0;
}

async function check({ file, pipeline, plan: planFile, json }: Options, output: Output): Promise<number> {
  const { pipelines } = loadPipelines(file);
  const chosen = pipelines.filter(({ name }) => pipeline === undefined || name === pipeline);
  const known = pipelines.map(({ name }) => name).join(", ");
  if (chosen.length === 0) throw new UsageError(`${file} has no pipeline ${pipeline ?? ""}, it has ${known}`);
  if (planFile !== undefined && chosen.length > 1)
    throw new UsageError(`--plan is of one pipeline: name one of ${known}`);
  const plan = planFile === undefined ? undefined : readPlan(planFile);
  const errors: Problem[] = [];
  const notes: Problem[] = [];
  const imports: Import[] = [];
  for (const config of chosen) {
    const { provider, region } = config;
    const place = { path: ["provider", "assumeRole", "roleArn"], region };
    const report = merge(
      await checkState(config),
      await asRole(provider.assumeRole, place, async (access) => {
        const account = openAccount(region, access);
        try {
          const found = merge(
            await checkBucket(config, account),
            await checkTopic(config, account),
            await checkPlan(plan, config, account),
          );
          if (plan) imports.push(...(await findImports(plan, account)));
          return found;
        } finally {
          account.close();
        }
      }),
    );
    const index = pipelines.indexOf(config);
    errors.push(...placeFindings(file, index, report.errors));
    notes.push(...placeFindings(file, index, report.notes));
  }
  print({ errors, notes, imports }, json, output);
  return errors.length + imports.length > 0 ? 1 : 0;
}

async function checkPlan(plan: Plan | undefined, config: PipelineConfig, account: Account): Promise<Report> {
  const errors: Finding[] = [];
  for (const change of plan?.resource_changes ?? []) {
    const bucket = (change.change.after ?? change.change.before)?.bucket;
    if (change.type !== "aws_s3_bucket_notification" || typeof bucket !== "string") continue;
    // A bucket that the plan creates reports nothing yet.
    const current = await readNotifications(account.s3, bucket).catch((error: unknown) => {
      if (error instanceof Error && error.name === "NoSuchBucket") return undefined;
      throw error;
    });
    const losses = current ? findLosses(change, current, config) : [];
    errors.push(...losses.map((loss) => ({ path: ["bucket"], rule: `the plan for ${bucket} ${loss}` })));
  }
  return { errors, notes: [] };
}

interface Found {
  readonly errors: readonly Problem[];
  readonly notes: readonly Problem[];
  readonly imports: readonly Import[];
}

function print({ errors, notes, imports }: Found, json: boolean, { out, err }: Output): void {
  if (json) {
    const lines = imports.map((each) => ({ ...each, command: importLine(each) }));
    out(`${JSON.stringify({ errors, notes, imports: lines }, undefined, 2)}\n`);
    return;
  }
  for (const note of notes) err(`note: ${formatProblem(note)}\n`);
  for (const error of errors) err(`${formatProblem(error)}\n`);
  if (imports.length > 0) {
    err(`${imports.length} of what the plan would create is there already. In the stack's folder:\n`);
    for (const each of imports) out(`${importLine(each)}\n`);
  }
  if (errors.length + imports.length === 0) out("nothing stands in the way\n");
}

if (require.main === module) runCommand(preflightCommand);
