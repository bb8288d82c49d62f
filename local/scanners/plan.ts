import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TerraformSetup } from "../terraform";
import { terraform } from "../terraform/run";

const STACK_FILE = "cdk.tf.json";

export async function readStack(directory: string): Promise<object> {
  return JSON.parse(await readFile(join(directory, STACK_FILE), "utf8")) as object;
}

/**
 * Plans a copy of a synthesised stack as if nothing of it were there yet.
 * @param folder - a new folder, for the copy
 * @returns what `terraform show -json` says of the plan
 */
export async function planAlone(
  setup: TerraformSetup,
  directory: string,
  folder: string,
  environment: Readonly<Record<string, string>>,
): Promise<unknown> {
  await cp(directory, folder, { recursive: true });
  await writeFile(join(folder, STACK_FILE), JSON.stringify(alone(await readStack(directory))));
  const stack = terraform(setup, folder, { environment });
  await stack.init();
  await stack.plan();
  return await stack.showPlan();
}

type Part = Readonly<Record<string, unknown>>;

/** The stack without its state, without what is there to be imported, and for whatever account. */
function alone(stack: object): object {
  const { import: _imports, terraform: settings, provider, ...rest } = stack as Readonly<Record<string, Part>>;
  const { backend: _backend, cloud: _cloud, ...versions } = settings ?? {};
  const { aws = [], ...others } = (provider ?? {}) as Readonly<Record<string, readonly Part[]>>;
  return {
    ...rest,
    terraform: versions,
    provider: { ...others, aws: aws.map(({ allowed_account_ids: _ids, ...each }) => each) },
  };
}
