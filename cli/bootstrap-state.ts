import { bucketName, region as regionRule, stateKmsKeyArn } from "../config/fields";
import { brokenRule } from "../config/findings";
import { describeFailure, s3Client } from "./preflight/account";
import { BootstrapError, bootstrapState } from "./state-bucket";
import { type Output, parseOptions, runCommand, UsageError } from "../core/usage";

const HELP = `npm run bootstrap-state -- --bucket NAME [--region R] [--kms-key ARN] [--complete]

Creates the bucket that Terraform keeps its state in, or completes one: versioned, encrypted, closed to the public, TLS only. Run again, it
changes nothing. docs/state.md says how a state moves there.

  --bucket NAME  the bucket; its name is global
  --region R     where it is; default AWS_REGION
  --kms-key ARN  the KMS key that encrypts what is written without another one; default S3's own keys
  --complete     go on where the bucket holds other things than states, or has a policy of its own, which keeps its statements
  --help         this text

Exit codes: 0 the bucket is as it should be, 1 it was left as it is, 2 wrong usage, or AWS could not be asked.
`;

/** Runs the command and returns its exit code. */
export async function bootstrapStateCommand(args: readonly string[], { out, err }: Output): Promise<number> {
  try {
    const { bucket, region, kmsKey, complete, help } = readOptions(args);
    if (help) {
      out(HELP);
      return 0;
    }
    const s3 = s3Client(region);
    try {
      const tell = (line: string) => {
        out(`${line}\n`);
      };
      await bootstrapState(s3, { bucket, region, complete, tell, ...(kmsKey !== undefined && { kmsKey }) });
      const key = kmsKey === undefined ? "" : `, kmsKey: "${kmsKey}"`;
      out(`in pipeline.yaml: backend: { s3: { bucket: ${bucket}, region: ${region}${key} } }\n`);
      return 0;
    } finally {
      s3.destroy();
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (error instanceof BootstrapError) {
      err(`${error.message}\n`);
      return 1;
    }
    err(`${error instanceof UsageError ? error.message : describeFailure(error)}\n`);
    return 2;
  }
}

function readOptions(args: readonly string[]) {
  const values = parseOptions(args, {
    bucket: { type: "string" },
    region: { type: "string" },
    "kms-key": { type: "string" },
    complete: { type: "boolean" },
    help: { type: "boolean" },
  });
  const { bucket = "", region = process.env.AWS_REGION ?? "", complete = false, help = false } = values;
  const kmsKey = values["kms-key"];
  const rules = [
    ["--bucket", bucketName, bucket],
    ["--region, or AWS_REGION,", regionRule, region],
    ...(kmsKey === undefined ? [] : [["--kms-key", stateKmsKeyArn, kmsKey] as const]),
  ] as const;
  for (const [option, schema, value] of help ? [] : rules) {
    if (value === "") throw new UsageError(`${option} is missing`);
    const broken = brokenRule(schema, value);
    if (broken !== undefined) throw new UsageError(`${option} ${broken}, got ${JSON.stringify(value)}`);
  }
  return { bucket, region, kmsKey, complete, help };
}

if (require.main === module) runCommand(bootstrapStateCommand);
