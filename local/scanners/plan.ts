import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TerraformSetup } from "../terraform";
import { type StackTerraform, terraform } from "../terraform/run";

const STACK_FILE = "cdk.tf.json";

export async function readStack(directory: string): Promise<object> {
  return JSON.parse(await readFile(join(directory, STACK_FILE), "utf8")) as object;
}

/**
 * A copy of a synthesised stack, initialised, to be planned as if nothing of it were there yet.
 * @param folder - a new folder, for the copy
 */
export async function stackAlone(
  setup: TerraformSetup,
  directory: string,
  folder: string,
  environment: Readonly<Record<string, string>>,
): Promise<StackTerraform> {
  await cp(directory, folder, { recursive: true });
  await writeFile(join(folder, STACK_FILE), JSON.stringify(alone(await readStack(directory))));
  const stack = terraform(setup, folder, { environment });
  await stack.init();
  return stack;
}

type Part = Readonly<Record<string, unknown>>;

/** The stack without its state, without what is there to be imported, and for whatever account. */
function alone(stack: object): object {
  const { terraform = {}, provider = {} } = stack as Readonly<Record<"terraform" | "provider", Part | undefined>>;
  const aws = (provider.aws ?? []) as readonly Part[];
  return {
    ...without(stack, "import"),
    terraform: without(terraform, "backend", "cloud"),
    provider: { ...provider, aws: aws.map((each) => without(each, "allowed_account_ids")) },
  };
}

function without(part: object, ...names: readonly string[]): object {
  return Object.fromEntries(Object.entries(part).filter(([name]) => !names.includes(name)));
}
