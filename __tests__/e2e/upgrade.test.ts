import { cp, mkdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { stackDirectory } from "../../local/synth";
import { terraform } from "../../local/terraform/run";
import { type Estate, startEstate } from "../support/estate";
import { hasTerraform } from "../support/terraform";

const MINUTES = 60_000;
const RELEASE = resolve(__dirname, "../fixtures/releases/0.1.0");

let estate: Estate | undefined;

beforeAll(async () => {
  if (await hasTerraform()) estate = await startEstate("us-east-1");
}, MINUTES);
afterAll(() => estate?.close(), MINUTES);

/** Applies a pipeline as the release had it, and plans today's over its state. */
async function planUpgrade(of: Estate, name: string): Promise<string[]> {
  const { directory, setup } = of;
  const old = join(directory, "release", "cdktf.out", "stacks", name);
  await mkdir(old, { recursive: true });
  await cp(join(stackDirectory(join(directory, "project/cdktf.out"), name), "assets"), join(old, "assets"), {
    recursive: true,
  });
  await cp(join(RELEASE, `${name}.tf.json`), join(old, "cdk.tf.json"));
  const released = terraform(setup, old);
  await released.init();
  await released.plan();
  await released.apply();
  const state = `terraform.${name}.tfstate`;
  await cp(join(directory, "release", state), join(directory, "project", state));

  const stack = await of.ours(name);
  await stack.plan();
  const { resource_changes } = (await stack.showPlan()) as {
    resource_changes: { address: string; change: { actions: string[] } }[];
  };
  return resource_changes.filter(({ change: { actions } }) => actions.includes("delete")).map(({ address }) => address);
}

test(
  "an upgrade from release 0.1.0 destroys and replaces nothing that holds anything",
  async () => {
    if (!estate) return;
    await estate.synthesise(await readFile(join(RELEASE, "pipeline.yaml"), "utf8"));
    expect(await Promise.all([planUpgrade(estate, "images"), planUpgrade(estate, "bus")])).toStrictEqual([[], []]);
  },
  4 * MINUTES,
);
