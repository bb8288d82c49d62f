import { readFileSync } from "node:fs";
import { compileBuildspec } from "../core/buildspec/compile";
import { InvalidBuildspecError } from "../core/buildspec/errors";
import { formatFinding, type Finding } from "../core/buildspec/finding";
import { lintBuildspec } from "../core/buildspec/lint";
import { type Output, parseArguments, runCommand, UsageError } from "../core/usage";

const HELP = `buildspec lint [--format text|json] [--max-warnings N] FILE...
buildspec compile FILE

lint     looks for what CodeBuild refuses, what surely breaks (errors) and what bites later (warnings); docs/buildspecs.md lists the rules
compile  prints the buildspec as canonical JSON, the same bytes for the same content; its warnings go to stderr

  FILE              a buildspec in YAML or JSON; - is the standard input
  --format json     one array of findings: file, line, column, severity, rule, message and, where there is one, correction
  --max-warnings N  more than N warnings count as an error; default any number
  --help            this text

Exit codes: 0 no errors, 1 errors or too many warnings, 2 wrong usage or a file that cannot be read.
`;

/** Runs the command and returns its exit code. */
export function buildspecCommand(args: readonly string[], output: Output): number {
  try {
    const { command, files, json, maxWarnings, help } = parseCommand(args);
    if (help) {
      output.out(HELP);
      return 0;
    }
    return command === "lint" ? lint(files, json, maxWarnings, output) : compile(files, output);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    output.err(`${error.message}\n`);
    return 2;
  }
}

interface CommandLine {
  readonly command: "lint" | "compile";
  readonly files: readonly string[];
  readonly json: boolean;
  readonly maxWarnings: number;
  readonly help: boolean;
}

function parseCommand(args: readonly string[]): CommandLine {
  const { values, positionals } = parseArguments(args, {
    format: { type: "string" },
    "max-warnings": { type: "string" },
    help: { type: "boolean" },
  });
  const [command, ...files] = positionals;
  const format = values.format ?? "text";
  const maxWarnings = values["max-warnings"];
  const rest = {
    files,
    json: format === "json",
    maxWarnings: maxWarnings === undefined ? Infinity : Number(maxWarnings),
    help: values.help ?? false,
  };
  if (rest.help) return { command: "lint", ...rest };
  if (command !== "lint" && command !== "compile") {
    throw new UsageError(`expected lint or compile, got: ${command ?? "nothing"}; --help shows the usage`);
  }
  if (format !== "text" && format !== "json") throw new UsageError(`--format must be text or json, got: ${format}`);
  if (maxWarnings !== undefined && !/^\d+$/.test(maxWarnings)) {
    throw new UsageError(`--max-warnings must be a whole number, got: ${maxWarnings}`);
  }
  if (command === "compile" && (values.format !== undefined || maxWarnings !== undefined)) {
    throw new UsageError("--format and --max-warnings belong to lint; compile always prints JSON");
  }
  if (files.length === 0) throw new UsageError(`${command} needs a file, - for the standard input`);
  if (command === "compile" && files.length > 1) throw new UsageError(`compile takes one file, got ${files.length}`);
  return { command, ...rest };
}

function lint(files: readonly string[], json: boolean, maxWarnings: number, { out, err }: Output): number {
  const found = files.flatMap((file) => lintBuildspec(read(file)).map((finding) => ({ file, ...finding })));
  const errors = found.filter(({ severity }) => severity === "error").length;
  const warnings = found.length - errors;
  if (json) out(`${JSON.stringify(found.map(inOrder), undefined, 2)}\n`);
  else {
    for (const { file, ...finding } of found) out(`${formatFinding(file, finding)}\n`);
    if (found.length > 0)
      err(`${count(errors, "error")}, ${count(warnings, "warning")} in ${count(files.length, "file")}\n`);
  }
  if (warnings > maxWarnings) err(`${count(warnings, "warning")}, more than --max-warnings ${maxWarnings}\n`);
  return errors > 0 || warnings > maxWarnings ? 1 : 0;
}

function compile([file = "-"]: readonly string[], { out, err }: Output): number {
  try {
    const { json, warnings } = compileBuildspec(read(file), file);
    for (const warning of warnings) err(`${formatFinding(file, warning)}\n`);
    out(json);
    return 0;
  } catch (error) {
    if (!(error instanceof InvalidBuildspecError)) throw error;
    err(`${error.message}\n`);
    return 1;
  }
}

function read(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (cause) {
    throw new UsageError(`cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}

function inOrder({
  file,
  line,
  column,
  severity,
  rule,
  message,
  correction,
}: Finding & { readonly file: string }): object {
  return { file, line, column, severity, rule, message, ...(correction !== undefined && { correction }) };
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

if (require.main === module) runCommand(buildspecCommand);
