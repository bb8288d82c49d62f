import * as z from "zod";

/*
 * Buildspec 0.2, and 0.1 where it differs:
 * https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
 * https://docs.aws.amazon.com/codebuild/latest/userguide/batch-build-buildspec.html
 * Keys stand in the reference's order, which is the order of the compiled JSON. Scalars are texts as they are written (1.10 stays 1.10),
 * except for flags, counts and the version. Unknown keys are kept: CodeBuild does not read them.
 */

/** In the order in which they run. */
export const phaseNames = ["install", "pre_build", "build", "post_build"] as const;
export type PhaseName = (typeof phaseNames)[number];

const text = z.string();
/** yes, no, true or false. */
const flag = z.boolean();
const texts = z.array(text);
const oneOrMore = z.union([text, texts]);
const variables = z.record(z.string(), text);

const phaseShape = {
  "run-as": text.optional(),
  /** ABORT, CONTINUE, RETRY, RETRY-count, RETRY-regex or RETRY-count-regex. */
  "on-failure": text.regex(/^(ABORT|CONTINUE|RETRY(-.+)?)$/, "must be ABORT, CONTINUE, RETRY or RETRY-...").optional(),
  "runtime-versions": variables.optional(),
  commands: texts.optional(),
  /** Run after the commands, also when one of them failed. */
  finally: texts.optional(),
  /** GitHub Actions, https://docs.aws.amazon.com/codebuild/latest/userguide/action-runner.html */
  steps: z.unknown().optional(),
};
const phase = z.looseObject(phaseShape);

const files = {
  files: texts.optional(),
  name: text.optional(),
  "discard-paths": flag.optional(),
  "base-directory": text.optional(),
  "exclude-paths": oneOrMore.optional(),
  "enable-symlinks": flag.optional(),
  "s3-prefix": text.optional(),
};

const buildEnvironment = z.looseObject({
  "compute-type": oneOrMore.optional(),
  fleet: oneOrMore.optional(),
  image: oneOrMore.optional(),
  "privileged-mode": flag.optional(),
  type: oneOrMore.optional(),
  /** In a matrix each variable has a list of values. */
  variables: z.record(z.string(), oneOrMore).optional(),
});

const task = z.looseObject({
  identifier: text.optional(),
  buildspec: text.optional(),
  "debug-session": flag.optional(),
  "depend-on": texts.optional(),
  env: buildEnvironment.optional(),
  "ignore-failure": flag.optional(),
});

const batch = z.looseObject({
  "fast-fail": flag.optional(),
  "build-graph": z.array(task).optional(),
  "build-list": z.array(task).optional(),
  "build-matrix": z
    .looseObject({
      static: z
        .looseObject({
          "ignore-failure": flag.optional(),
          "debug-session": flag.optional(),
          env: buildEnvironment.optional(),
        })
        .optional(),
      dynamic: z.looseObject({ buildspec: oneOrMore.optional(), env: buildEnvironment.optional() }).optional(),
    })
    .optional(),
  "build-fanout": z
    .looseObject({ parallelism: z.number().int().positive().optional(), "ignore-failure": flag.optional() })
    .optional(),
});

const reportFormats = [
  "CUCUMBERJSON",
  "JUNITXML",
  "NUNITXML",
  "NUNIT3XML",
  "TESTNGXML",
  "VISUALSTUDIOTRX",
  "CLOVERXML",
  "COBERTURAXML",
  "JACOCOXML",
  "SIMPLECOV",
] as const;

export const buildspecSchema = z.looseObject({
  /** A number: where batches are enabled, CodeBuild refuses a text. */
  version: z.number(),
  "run-as": text.optional(),
  env: z
    .looseObject({
      shell: z.enum(["bash", "/bin/sh", "powershell.exe", "cmd.exe"]).optional(),
      variables: variables.optional(),
      "parameter-store": variables.optional(),
      "exported-variables": texts.optional(),
      /** secret-id:json-key:version-stage:version-id */
      "secrets-manager": variables.optional(),
      "git-credential-helper": flag.optional(),
    })
    .optional(),
  /** What `env.variables` was called in 0.1. */
  environment_variables: z.looseObject({ plaintext: variables.optional() }).optional(),
  proxy: z.looseObject({ "upload-artifacts": flag.optional(), logs: flag.optional() }).optional(),
  batch: batch.optional(),
  phases: z
    .looseObject({
      install: phase.optional(),
      pre_build: phase.optional(),
      build: phase.optional(),
      post_build: phase.optional(),
    })
    .optional(),
  /** By the name or ARN of the report group. */
  reports: z
    .record(
      z.string(),
      z.looseObject({
        files: texts.optional(),
        "file-format": z.enum(reportFormats).optional(),
        "base-directory": text.optional(),
        "discard-paths": flag.optional(),
      }),
    )
    .optional(),
  artifacts: z
    .looseObject({
      ...files,
      "secondary-artifacts": z.record(z.string(), z.looseObject(files)).optional(),
    })
    .optional(),
  cache: z
    .looseObject({
      key: text.optional(),
      "fallback-keys": texts.optional(),
      action: z.enum(["restore", "save"]).optional(),
      paths: texts.optional(),
    })
    .optional(),
});

/** The model behind `.optional()`. */
export function unwrap(schema: unknown): unknown {
  return schema instanceof z.ZodOptional ? schema.unwrap() : schema;
}

/** True for the path of phases.*.commands and phases.*.finally, and for what is in them. */
export function isCommandList([first, , list]: readonly string[]): boolean {
  return first === "phases" && (list === "commands" || list === "finally");
}
