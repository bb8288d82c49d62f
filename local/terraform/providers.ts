import { installationMethods, readUserConfig, withMirrors, type UserConfig } from "./cli-config";
import { AwsProviderMissingError } from "./errors";
import { findMirror, type Mirror, type Provider, REGISTRY_HOST } from "./mirrors";

/** What the machine offers; tests give their own. */
export interface Machine {
  readonly environment: NodeJS.ProcessEnv;
  readonly home: string;
  /** Terraform's name of its kind, such as `linux_amd64`. */
  readonly platform: string;
  /** Where to look for a provider mirror. */
  readonly mirrorRoots: readonly string[];
  readonly registryAnswers: () => Promise<boolean>;
  /** The registry that short sources mean. @default that of Terraform */
  readonly registryHost?: string;
  /** Makes a provider of Terraform's mirror one that the engine finds. @default - it finds it already */
  readonly adapt?: (provider: Provider, mirror: Mirror) => Promise<Mirror>;
}

/** Where Terraform takes its providers from on this machine. */
export interface ProviderSources {
  /** A sentence part per provider, for people. */
  readonly descriptions: Readonly<Record<Provider, string>>;
  /** The text of a CLI configuration to run Terraform with. @default - the user's own stays in force */
  readonly cliConfig?: string;
  /** Whether hashicorp/archive must be served by the stand-in. */
  readonly archiveStandIn: boolean;
  /** Whether providers are downloaded, so that a cache of them pays and the user has none. */
  readonly wantsCache: boolean;
}

const STAND_IN = "a stand-in in this process";

/** The user's own provider_installation comes first, then the public registry, then a mirror on the disk. */
export async function findProviders(machine: Machine): Promise<ProviderSources> {
  const user = await readUserConfig(machine.environment, machine.home);
  if (user.installsProviders) return await fromUserConfig(user, machine);
  if (await machine.registryAnswers()) {
    const { registryHost = REGISTRY_HOST } = machine;
    return {
      descriptions: { "hashicorp/aws": registryHost, "hashicorp/archive": registryHost },
      archiveStandIn: false,
      wantsCache: !machine.environment.TF_PLUGIN_CACHE_DIR && !user.text.includes("plugin_cache_dir"),
    };
  }
  return await fromMirrors(user, machine);
}

async function fromUserConfig(user: UserConfig, machine: Machine): Promise<ProviderSources> {
  const files = user.files.join(", ");
  const methods = installationMethods(user.text);
  const hasArchive =
    methods.overrides("hashicorp/archive") ||
    methods.network ||
    (await findMirror("hashicorp/archive", machine.platform, methods.mirrorPaths)) !== undefined ||
    (methods.registry && (await machine.registryAnswers()));
  return {
    descriptions: {
      "hashicorp/aws": `as ${files} says`,
      "hashicorp/archive": hasArchive ? `as ${files} says` : STAND_IN,
    },
    archiveStandIn: !hasArchive,
    wantsCache: false,
  };
}

async function fromMirrors(user: UserConfig, machine: Machine): Promise<ProviderSources> {
  const { registryHost = REGISTRY_HOST } = machine;
  const adapt: NonNullable<Machine["adapt"]> = machine.adapt ?? ((_provider, mirror) => Promise.resolve(mirror));
  const aws = await findMirror("hashicorp/aws", machine.platform, machine.mirrorRoots);
  if (!aws) throw new AwsProviderMissingError(registryHost, machine.platform, machine.mirrorRoots);
  const mirrors = new Map<Provider, Mirror>([["hashicorp/aws", await adapt("hashicorp/aws", aws)]]);
  const archive = await findMirror("hashicorp/archive", machine.platform, [aws.path, ...machine.mirrorRoots]);
  if (archive) mirrors.set("hashicorp/archive", await adapt("hashicorp/archive", archive));
  return {
    descriptions: { "hashicorp/aws": describe(aws), "hashicorp/archive": archive ? describe(archive) : STAND_IN },
    cliConfig: withMirrors(user, mirrors, registryHost),
    archiveStandIn: archive === undefined,
    wantsCache: false,
  };
}

function describe(mirror: Mirror): string {
  return `${mirror.versions.join(", ")} in ${mirror.path}`;
}
