import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

/**
 * `sh` is the image's own: bash in POSIX mode on Amazon Linux
 * (https://www.gnu.org/software/bash/manual/html_node/Bash-POSIX-Mode.html), this machine's `sh` for other images.
 */
export type ShellKind = "sh" | "bash" | "bash-as-sh";

interface ShellOptions {
  readonly kind: ShellKind;
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Where standard output and standard error go, in the order in which they are written. */
  readonly outputFd: number;
  /** A folder for the shell's own files. */
  readonly scratch: string;
}

/**
 * One shell that keeps its state (folder, variables, functions) from command to command. A command that ends the shell
 * (`exit`, `set -e`) gives its status; the next one gets a new shell with the exported variables and the folder of the old.
 */
export class Shell {
  #process: ChildProcess | undefined;
  readonly #groups: number[] = [];
  readonly #script: string;
  readonly #savedExports: string;
  readonly #savedDirectory: string;
  #killed = false;

  constructor(private readonly options: ShellOptions) {
    this.#script = join(options.scratch, "script.sh");
    this.#savedExports = join(options.scratch, "env.sh");
    this.#savedDirectory = join(options.scratch, "dir.txt");
  }

  /** Runs `command` to its end; resolves to its exit status, 128 + n where signal n ended the shell. */
  async run(command: string): Promise<number> {
    if (this.#killed) return 137;
    this.#process ??= this.#start();
    const shell = this.#process;
    writeFileSync(this.#script, `${command}\n`);
    const abort = new AbortController();
    const { signal } = abort;
    try {
      return await Promise.race([
        once(shell.stdio[3] as Readable, "data", { signal }).then(([status]) => Number(String(status))),
        once(shell, "exit", { signal }).then(([code, by]: unknown[]) => {
          this.#process = undefined;
          return typeof code === "number" ? code : 128 + constants.signals[by as NodeJS.Signals];
        }),
        this.#submit(shell),
      ]);
    } finally {
      abort.abort();
    }
  }

  /** The values that the shell has now; a variable that is not set is left out. */
  async values(names: readonly string[]): Promise<Record<string, string>> {
    const file = join(this.options.scratch, "values");
    const prints = names.map((name) => `printf '%s\\0' "\${${name}+x}\${${name}-}"`);
    if (names.length === 0 || (await this.run(`{ ${prints.join("; ")}; } > ${quote(file)}`)) !== 0) return {};
    const values = readFileSync(file, "utf8").split("\0");
    return Object.fromEntries(names.flatMap((name, index) => (values[index] ? [[name, values[index].slice(1)]] : [])));
  }

  /** Ends the shell and whatever it left in its process groups. */
  kill(): void {
    this.#killed = true;
    for (const group of this.#groups) {
      try {
        process.kill(-group, "SIGKILL");
      } catch {
        // Nobody is left in it.
      }
    }
  }

  #start(): ChildProcess {
    const { kind, directory, environment, outputFd } = this.options;
    const shell = spawn(kind === "sh" ? "sh" : "bash", ["-c", this.#loop(), "sh"], {
      ...(kind === "bash-as-sh" && { argv0: "sh" }),
      cwd: directory,
      env: { ...environment },
      detached: true,
      stdio: ["ignore", outputFd, outputFd, "pipe", "pipe"],
    });
    // A shell that ends closes its pipes; what matters of that is its exit.
    for (const stream of [shell.stdio[3], shell.stdio[4]]) stream?.on("error", () => undefined);
    if (shell.pid !== undefined) this.#groups.push(shell.pid);
    return shell;
  }

  /** Reads a line per command on 4, answers with its status on 3; commands themselves see neither. */
  #loop(): string {
    const [exports, directory] = [quote(this.#savedExports), quote(this.#savedDirectory)];
    const isFirst = this.#groups.length === 0;
    return [
      // A shell that was replaced (exec) or killed has saved nothing.
      isFirst ? ":" : `if [ -f ${exports} ]; then . ${exports}; cd "$(cat ${directory})"; fi`,
      `trap 'export -p > ${quoteWithin(this.#savedExports)}; pwd > ${quoteWithin(this.#savedDirectory)}' EXIT`,
      `while IFS= read -r CODEBUILD_COMMAND <&4; do`,
      `  . ${quote(this.#script)} 3>&- 4<&- </dev/null`,
      `  echo $? >&3`,
      `done`,
    ].join("\n");
  }

  async #submit(shell: ChildProcess): Promise<never> {
    if (shell.pid === undefined) {
      const [error] = (await once(shell, "error")) as [Error];
      throw error;
    }
    (shell.stdio[4] as Writable).write("run\n");
    return new Promise<never>(() => undefined);
  }
}

const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
/** Quoted for a place that is itself within single quotes. */
const quoteWithin = (text: string) => quote(text).replaceAll("'", `'\\''`);
