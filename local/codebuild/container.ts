import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import type { S3Client } from "@aws-sdk/client-s3";
import type { Build, BuildPhaseType } from "@aws-sdk/client-codebuild";
import type { Docker } from "../docker";
import { notUsed } from "../iam/credentials";
import { isInlineBuildspec, parseBuildspec, phaseNames, type Buildspec, type PhaseName } from "./buildspec";
import {
  checkSupported,
  commandEnvironment,
  replacedVariables,
  secondarySourceFolder,
  type BuildFolders,
} from "./environment";
import { CommandFailed, PhaseError, PrivilegedModeError, YamlFileError } from "./errors";
import { selectsRuntimes } from "./images";
import type { BuildLog } from "./log";
import type { Phases } from "./phases";
import { Shell, type ShellKind } from "./shell";
import { downloadSource, parseS3Location, readObject } from "./source";

interface ContainerOptions {
  readonly build: Build;
  readonly region: string;
  readonly folders: BuildFolders;
  readonly s3: S3Client;
  readonly log: BuildLog;
  readonly phases: Phases;
  /** Ends what runs. */
  readonly signal: AbortSignal;
  /** What the build's platform puts into the environment of its commands. */
  readonly platform: Readonly<Record<string, string>>;
  readonly startDocker?: (directory: string) => Promise<Docker>;
}

/** What happens inside the build's container, from DOWNLOAD_SOURCE to UPLOAD_ARTIFACTS. */
export class Container {
  readonly #shells: Shell[] = [];
  #shell: Shell | undefined;
  #docker: Docker | undefined;
  #environment: Record<string, string> = {};

  constructor(private readonly options: ContainerOptions) {
    options.signal.addEventListener("abort", () => {
      this.kill();
    });
  }

  /** Throws the error of the phase that ended the build; failures that let it go on are in `phases` only. */
  async run(): Promise<void> {
    this.options.log.line("Waiting for DOWNLOAD_SOURCE");
    const buildspec = await this.#phase("DOWNLOAD_SOURCE", () => this.#downloadSource());
    for (const name of phaseNames) await this.#buildPhase(name, buildspec);
    await this.#phase("UPLOAD_ARTIFACTS", () => this.#export(buildspec));
  }

  /** Ends every process of the build's process groups. */
  kill(): void {
    for (const shell of this.#shells) shell.kill();
  }

  /** Ends everything that the build had started, and its docker daemon. */
  async close(): Promise<void> {
    this.kill();
    await this.#docker?.close();
  }

  async #phase<Result>(type: BuildPhaseType, work: () => Result | Promise<Result>): Promise<Result> {
    const { log, phases } = this.options;
    let ended = { state: "SUCCEEDED", statusCode: "", message: "" };
    try {
      return await phases.run(type, work);
    } catch (error) {
      ended =
        error instanceof PhaseError
          ? { state: error.phaseStatus, statusCode: error.statusCode, message: error.message }
          : { state: "FAULT", statusCode: "INTERNAL_ERROR", message: String(error) };
      throw error;
    } finally {
      log.line(`Phase complete: ${type} State: ${ended.state}`);
      log.line(`Phase context status code: ${ended.statusCode} Message: ${ended.message}`);
    }
  }

  async #downloadSource(): Promise<Buildspec> {
    const { build, folders, log, region, s3, signal } = this.options;
    checkSupported(build);
    const platform = { ...this.options.platform, DOCKER_HOST: await this.#startDocker() };
    log.line("Phase is DOWNLOAD_SOURCE");
    log.line(`CODEBUILD_SRC_DIR=${folders.source}`);
    if (build.source?.type === "S3") {
      await downloadSource(s3, build.source.location ?? "", build.sourceVersion, folders.source, signal);
    }
    for (const { type, location = "", sourceIdentifier = "" } of build.secondarySources ?? []) {
      if (type !== "S3") continue;
      const version = build.secondarySourceVersions?.find((item) => item.sourceIdentifier === sourceIdentifier);
      const folder = secondarySourceFolder(folders, sourceIdentifier);
      await downloadSource(s3, location, version?.sourceVersion, folder, signal);
    }
    const buildspec = parseBuildspec(await this.#buildspecText());
    log.line("Processing environment variables");
    this.#environment = commandEnvironment(build, region, buildspec.variables, folders, platform);
    for (const name of replacedVariables(build, buildspec.variables, platform)) {
      log.line(notUsed(name));
    }
    await this.#logRuntimes(buildspec);
    log.line(`Moving to directory ${folders.source}`);
    const present = phaseNames.filter((name) => buildspec.phases[name]);
    log.line(`Phases found in YAML: ${present.length}`);
    for (const name of present) {
      log.line(` ${name.toUpperCase()}: ${buildspec.phases[name]?.commands.length ?? 0} commands`);
    }
    return buildspec;
  }

  /** The daemon of a privileged build. Others find none: not the one either that this machine may run for its user. */
  async #startDocker(): Promise<string> {
    const { build, folders, startDocker } = this.options;
    if (startDocker && build.environment?.privilegedMode === true) {
      this.#docker = await startDocker(join(folders.root, "docker")).catch((error: unknown) => {
        throw new PrivilegedModeError((error as Error).message, { cause: error });
      });
    }
    return this.#docker?.host ?? `unix://${join(folders.scratch, "docker.sock")}`;
  }

  async #buildspecText(): Promise<string> {
    const { build, folders, log, s3, signal } = this.options;
    const given = build.source?.buildspec ?? "";
    if (isInlineBuildspec(given)) return given;
    if (given.startsWith("arn:")) return readObject(s3, parseS3Location(given), signal);
    const file = resolve(folders.source, given === "" ? "buildspec.yml" : given);
    log.line(`YAML location is ${file}`);
    try {
      return await readFile(file, "utf8");
    } catch (cause) {
      throw new YamlFileError(`YAML file does not exist: ${file}`, { cause });
    }
  }

  /** Runtimes are those of this machine: the log says which one stands in for the one that was asked for. */
  async #logRuntimes(buildspec: Buildspec): Promise<void> {
    const runtimes = Object.entries(buildspec.phases.install?.runtimeVersions ?? {});
    if (runtimes.length > 0 && !selectsRuntimes(this.options.build.environment)) {
      throw new YamlFileError("This build image does not support selecting runtime versions.");
    }
    if (runtimes.length === 0) this.options.log.line("No runtime version selected in buildspec.");
    for (const [runtime, version] of runtimes) {
      const actual =
        runtime === "nodejs"
          ? `node ${(await promisify(execFile)("node", ["--version"])).stdout.trim()}`
          : "what is installed";
      this.options.log.line(
        `Selecting '${runtime}' runtime version '${version}' based on manual selections; this machine runs ${actual}`,
      );
    }
  }

  /** What follows a failure: https://docs.aws.amazon.com/codebuild/latest/userguide/view-build-details-phases.html */
  async #buildPhase(name: PhaseName, buildspec: Buildspec): Promise<void> {
    const { commands = [], finally: last = [], onFailure } = buildspec.phases[name] ?? {};
    this.options.log.line(`Entering phase ${name.toUpperCase()}`);
    try {
      await this.#phase(name.toUpperCase() as BuildPhaseType, async () => {
        try {
          await this.#commands(commands, buildspec);
        } finally {
          await this.#commands(last, buildspec);
        }
      });
    } catch (error) {
      const goesOn = onFailure ?? (name === "build" || name === "post_build" ? "CONTINUE" : "ABORT");
      if (!(error instanceof CommandFailed) || goesOn === "ABORT") throw error;
    }
  }

  async #commands(commands: readonly string[], buildspec: Buildspec): Promise<void> {
    const { log, signal } = this.options;
    for (const command of commands) {
      signal.throwIfAborted();
      log.line(`Running command ${command}`);
      const exitCode = await this.#shellFor(buildspec).run(command);
      signal.throwIfAborted();
      if (exitCode === 0) continue;
      log.line(`Command did not exit successfully ${command} exit status ${exitCode}`);
      await this.#markFailing();
      throw new CommandFailed(command, exitCode);
    }
  }

  async #markFailing(): Promise<void> {
    this.#environment.CODEBUILD_BUILD_SUCCEEDING = "0";
    await this.#shell?.run("export CODEBUILD_BUILD_SUCCEEDING=0");
  }

  /** One shell for all commands; in version 0.1 one for each. */
  #shellFor({ version, shell }: Buildspec): Shell {
    if (this.#shell && version === "0.2") return this.#shell;
    const { build, folders, log } = this.options;
    const amazonLinux = build.environment?.image?.includes("amazonlinux") ?? false;
    const sh: ShellKind = amazonLinux ? "bash-as-sh" : "sh";
    this.#shell = new Shell({
      kind: shell === "bash" ? "bash" : sh,
      directory: folders.source,
      environment: this.#environment,
      outputFd: log.fd,
      scratch: folders.scratch,
    });
    this.#shells.push(this.#shell);
    return this.#shell;
  }

  async #export(buildspec: Buildspec): Promise<void> {
    const values = await this.#shellFor(buildspec).values(buildspec.exportedVariables);
    this.options.signal.throwIfAborted();
    this.options.build.exportedEnvironmentVariables = Object.entries(values).map(([name, value]) => ({ name, value }));
  }
}
