import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { validateStack } from "../support/terraform";

/** The maintained fork of CDKTF, under CDKTF's name. https://github.com/open-constructs/cdk-terrain */
const ALIAS = "npm:cdktn@0.24.0";

const root = join(__dirname, "../..");
const run = promisify(execFile);
/** Inside the project, so that whatever is not installed here comes from the project's own node_modules. */
const copy = join(root, ".local/cdktn");
const SOURCES = [
  "main.ts",
  "cdktf.json",
  "config",
  "core",
  "functions",
  "infrastructure",
  "buildspecs",
  "pipeline.yaml",
];

beforeAll(async () => {
  mkdirSync(copy, { recursive: true });
  for (const source of SOURCES) {
    rmSync(join(copy, source), { recursive: true, force: true });
    cpSync(join(root, source), join(copy, source), { recursive: true });
  }
  writeFileSync(join(copy, "package.json"), JSON.stringify({ private: true, dependencies: { cdktf: ALIAS } }));
  await run("npm", ["install", "--legacy-peer-deps", "--no-package-lock", "--ignore-scripts", "--no-audit"], {
    cwd: copy,
  });
  for (const provider of readdirSync(join(root, "node_modules/@cdktf")).filter((name) => name.startsWith("provider-")))
    link(join("node_modules/@cdktf", provider));
}, 120_000);

function link(path: string): void {
  mkdirSync(dirname(join(copy, path)), { recursive: true });
  if (!existsSync(join(copy, path))) symlinkSync(join(root, path), join(copy, path));
}

type Json = Readonly<Record<string, unknown>>;

/** What main.ts writes in a folder, by stack. */
async function synthesise(folder: string): Promise<ReadonlyMap<string, Json>> {
  const output = join(copy, folder === root ? "cdktf.out" : "cdktn.out");
  rmSync(output, { recursive: true, force: true });
  // The bindings lie elsewhere and must find the library beside the link that leads to them.
  await run(process.execPath, ["--preserve-symlinks", "--require", "tsx/cjs", "main.ts"], {
    cwd: folder,
    env: { ...process.env, PIPELINE_FILE: "pipeline.yaml", CDKTF_OUTDIR: output },
  });
  const stacks = readdirSync(join(output, "stacks"));
  return new Map(
    stacks.map((stack) => {
      const text = readFileSync(join(output, "stacks", stack, "cdk.tf.json"), "utf8");
      return [stack, JSON.parse(text) as Json];
    }),
  );
}

/** Without what each library says of itself. */
function withoutMetadata(json: Json): Json {
  return { ...json, "//": undefined };
}

test("cdktn makes of the same sources what cdktf makes, and real Terraform accepts it", async () => {
  const [cdktf, cdktn] = await Promise.all([synthesise(root), synthesise(copy)]);
  const [[name, stack] = ["", {}]] = cdktn;
  expect(JSON.stringify(stack["//"])).toContain('"0.24.0"');
  expect([...cdktn.keys()]).toStrictEqual([...cdktf.keys()]);
  expect(withoutMetadata(stack)).toStrictEqual(withoutMetadata(cdktf.get(name)!));
  expect(await validateStack(join(copy, "cdktn.out/stacks", name))).toStrictEqual([]);
}, 120_000);
