import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { REGISTRY_HOST, type Mirror, type Provider } from "./mirrors";
import { variable } from "./variables";

/** The CLI configuration that the user already has. https://developer.hashicorp.com/terraform/cli/config/config-file */
export interface UserConfig {
  /** The files, for messages. */
  readonly files: readonly string[];
  readonly text: string;
  /** Whether it says where providers come from. */
  readonly installsProviders: boolean;
}

/** TF_CLI_CONFIG_FILE where it is set, else `~/.terraformrc` and `~/.terraform.d/*.tfrc`, as Terraform reads them. Files that are not there count as empty. */
export async function readUserConfig(environment: NodeJS.ProcessEnv, home: string): Promise<UserConfig> {
  const named = variable(environment, "TF_CLI_CONFIG_FILE");
  const candidates = named ? [named] : [join(home, ".terraformrc"), ...(await snippets(join(home, ".terraform.d")))];
  const files: string[] = [];
  let text = "";
  for (const file of candidates) {
    const content = await readFile(file, "utf8").catch(() => undefined);
    if (content === undefined) continue;
    files.push(file);
    text += `${content.replace(/^\s*(#|\/\/).*$/gm, "")}\n`;
  }
  return { files, text, installsProviders: /^\s*"?provider_installation\b/m.test(text) };
}

async function snippets(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name.endsWith(".tfrc")).map((name) => join(folder, name));
}

/** What a user's provider_installation can draw on. */
export interface InstallationMethods {
  readonly mirrorPaths: readonly string[];
  readonly network: boolean;
  readonly registry: boolean;
  /** Providers that are taken from a developer's own build. */
  overrides(provider: Provider): boolean;
}

export function installationMethods(text: string): InstallationMethods {
  return {
    mirrorPaths: [...text.matchAll(/\bpath"?\s*[=:]\s*"([^"]+)"/g)].map(([, path]) => path ?? ""),
    network: /\bnetwork_mirror\b/.test(text),
    registry: /\bdirect\b/.test(text),
    overrides: (provider) => new RegExp(`"(${REGISTRY_HOST}/)?${provider}"\\s*[=:]\\s*"`).test(text),
  };
}

/** The user's settings with a provider_installation that takes the given providers from mirrors, and all others from their registries. */
export function withMirrors(
  user: UserConfig,
  mirrors: ReadonlyMap<Provider, Mirror>,
  registryHost: string = REGISTRY_HOST,
): string {
  const blocks = [...mirrors].map(([provider, { path }]) =>
    [
      "  filesystem_mirror {",
      `    path    = ${JSON.stringify(path)}`,
      `    include = ["${registryHost}/${provider}"]`,
      "  }",
    ].join("\n"),
  );
  const excluded = [...mirrors.keys()].map((provider) => `"${registryHost}/${provider}"`).join(", ");
  return `${user.text}provider_installation {\n${blocks.join("\n")}\n  direct {\n    exclude = [${excluded}]\n  }\n}\n`;
}
