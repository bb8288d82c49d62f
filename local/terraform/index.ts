import { mkdir, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { type ArchiveProvider, startArchiveProvider } from "./archive-provider";
import { findTerraform, type TerraformBinary } from "./binary";
import { openTofuMirror, OPENTOFU_REGISTRY } from "./opentofu";
import { currentPlatform, mirrorRoots } from "./mirrors";
import { findProviders, type ProviderSources } from "./providers";
import { discovery, registryAnswers } from "./registry";
import { variable } from "./variables";

export interface TerraformOptions {
  /** A folder for Terraform's CLI configuration and downloaded providers; made where it is not there. Kept between runs, it saves the next download. */
  readonly directory: string;
  /** Gets a line for people about each thing found. @default - nobody is told */
  readonly onLog?: (line: string) => void;
}

/** A Terraform that can run stacks on this machine. */
export interface TerraformSetup extends TerraformBinary {
  /** Where each provider comes from, in words. */
  readonly providers: ProviderSources["descriptions"];
  /**
   * The variables to run Terraform with in one stack's folder, on top of the process's own. Where hashicorp/archive cannot be
   * installed they lead to a stand-in that lives in this process until `close`.
   */
  environmentFor(stackDirectory: string): Promise<Record<string, string>>;
  close(): Promise<void>;
}

/** Finds Terraform and a place to install its providers from, with or without a provider registry in reach. */
export async function prepareTerraform({
  directory,
  onLog = () => undefined,
}: TerraformOptions): Promise<TerraformSetup> {
  const { engine, binary, version } = await findTerraform();
  onLog(`${engine === "opentofu" ? "OpenTofu" : "Terraform"} ${version}`);
  const sources = await findProviders({
    environment: process.env,
    home: homedir(),
    platform: currentPlatform(),
    mirrorRoots: mirrorRoots(),
    registryAnswers,
    ...(engine === "opentofu" && {
      registryAnswers: () => registryAnswers(discovery(OPENTOFU_REGISTRY)),
      registryHost: OPENTOFU_REGISTRY,
      adapt: openTofuMirror(join(resolve(directory), "opentofu-mirror"), currentPlatform()),
    }),
  });
  for (const [provider, description] of Object.entries(sources.descriptions)) onLog(`${provider}: ${description}`);
  const environment = await cliEnvironment(resolve(directory), sources);
  const standIns = new Map<string, Promise<ArchiveProvider>>();

  return {
    binary,
    version,
    engine,
    providers: sources.descriptions,
    environmentFor: async (stackDirectory) => {
      if (!sources.archiveStandIn) return environment;
      const workingDirectory = resolve(stackDirectory);
      const standIn = standIns.get(workingDirectory) ?? startArchiveProvider({ workingDirectory });
      standIns.set(workingDirectory, standIn);
      return { ...environment, TF_REATTACH_PROVIDERS: reattach(await standIn) };
    },
    close: async () => {
      const running = await Promise.all(standIns.values());
      standIns.clear();
      await Promise.all(running.map((standIn) => standIn.close()));
    },
  };
}

async function cliEnvironment(directory: string, sources: ProviderSources): Promise<Record<string, string>> {
  const environment: Record<string, string> = { CHECKPOINT_DISABLE: "1", TF_IN_AUTOMATION: "1", TF_INPUT: "0" };
  if (sources.cliConfig !== undefined) {
    const file = join(directory, "terraform.tfrc");
    await mkdir(directory, { recursive: true });
    await writeFile(file, sources.cliConfig);
    environment.TF_CLI_CONFIG_FILE = file;
  }
  if (sources.wantsCache) {
    const cache = join(directory, "plugin-cache");
    await mkdir(cache, { recursive: true });
    environment.TF_PLUGIN_CACHE_DIR = cache;
    // A synthesised stack has no lock file yet, and without one Terraform ignores its cache and downloads again.
    // https://developer.hashicorp.com/terraform/cli/config/config-file#allowing-the-provider-plugin-cache-to-break-the-dependency-lock-file
    environment.TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE = "1";
  }
  return environment;
}

/** The stand-in beside whatever providers the user is debugging. */
function reattach(standIn: ArchiveProvider): string {
  const inherited = JSON.parse(variable(process.env, "TF_REATTACH_PROVIDERS") ?? "{}") as Record<string, unknown>;
  return JSON.stringify({ "hashicorp/archive": standIn.reattach, ...inherited });
}
