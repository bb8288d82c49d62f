import type { Finding as BuildspecFinding } from "../core/buildspec/finding";
import { lintBuildspec } from "../core/buildspec/lint";
import { messageOf, readText } from "./files";
import type { Finding } from "./findings";
import { pathOf, type Parsed } from "./resolve";
import type { PipelineConfig } from "./schema";

/** What the linter has against the commands and buildspecs that services bring along. */
interface LintResult {
  readonly errors: readonly Finding[];
  readonly warnings: readonly Finding[];
}

/**
 * Lints commands and buildspecs: nothing where nothing is given, and nothing twice.
 * @param places of each service in the input.
 * @param folder where paths of files begin.
 */
export function checkCommands(written: Parsed, places: readonly number[], folder: string): LintResult {
  const { publisher, defaults, services } = written;
  const linter = new Linter(publisher, folder);
  linter.check(defaults, ["defaults"]);
  services.forEach((service, index) => {
    if (typeof service === "object") linter.check(service, ["services", places[index] ?? index]);
  });
  return linter;
}

class Linter implements LintResult {
  readonly errors: Finding[] = [];
  readonly warnings: Finding[] = [];
  /** By the text that was linted. */
  readonly #linted = new Map<string, readonly BuildspecFinding[]>();
  /** Files whose findings are listed already. */
  readonly #files = new Set<string>();

  constructor(
    private readonly publisher: PipelineConfig["publisher"],
    private readonly folder: string,
  ) {}

  check(written: Pick<Parsed["defaults"], "before" | "after" | "buildspec">, path: Finding["path"]): void {
    this.#checkList(written.before ?? [], [...path, "before"]);
    this.#checkList(written.after ?? [], [...path, "after"]);
    if (written.buildspec !== undefined) this.#checkFile(written.buildspec, [...path, "buildspec"]);
  }

  #checkList(commands: readonly string[], path: Finding["path"]): void {
    if (commands.length === 0) return;
    const { text, firstLine } = wrap(commands, this.publisher);
    const findings = this.#linted.get(text) ?? lintBuildspec(text);
    this.#linted.set(text, findings);
    this.#add(findings, ({ rule, line, message }) => ({
      path: [...path, line - firstLine],
      rule: `${rule}: ${message.replace(LINE, "")}`,
    }));
  }

  #checkFile(written: string, path: Finding["path"]): void {
    const file = pathOf(written, this.folder);
    const result = readText(file);
    if (result.text === undefined) {
      const fault =
        result.reason === "unreadable" ? `cannot be read: ${messageOf(result.cause)}` : FAULTS[result.reason];
      this.errors.push({ path, rule: `must name a buildspec: ${file} ${fault}`, value: written });
      return;
    }
    if (this.#files.has(file)) return;
    this.#files.add(file);
    this.#add(lintBuildspec(result.text), ({ rule, line, column, message }) => ({
      path,
      rule: `${rule}: ${message}`,
      position: `${file}:${line}:${column}`,
    }));
  }

  #add(found: readonly BuildspecFinding[], toFinding: (finding: BuildspecFinding) => Finding): void {
    for (const finding of found) {
      (finding.severity === "error" ? this.errors : this.warnings).push(toFinding(finding));
    }
  }
}

const FAULTS = { missing: "does not exist", encoding: "is no UTF-8 text" } as const;

/** `shell` of the publishers' buildspecs; absent is `sh`. The commands run in theirs. */
const SHELLS: Readonly<Record<PipelineConfig["publisher"], string | undefined>> = { stream: undefined, docker: "bash" };

/** A buildspec of the commands, and in which line the first stands; each has a line of its own. */
function wrap(commands: readonly string[], publisher: PipelineConfig["publisher"]) {
  const shell = SHELLS[publisher];
  const head = [
    "version: 0.2",
    ...(shell === undefined ? [] : ["env:", `  shell: ${shell}`]),
    "phases:",
    "  build:",
    "    commands:",
  ];
  const text = [...head, ...commands.map((command) => `      - ${JSON.stringify(command)}`), ""].join("\n");
  return { text, firstLine: head.length + 1 };
}

/** A line of a buildspec that nobody has written. */
const LINE = / \(line \d+\)/g;
