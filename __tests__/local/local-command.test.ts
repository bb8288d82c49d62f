import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { exportLines } from "../../local/shell";

const PROJECT = resolve(__dirname, "../..");
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "local-command-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** What it says of a file that is not there, before it starts anything. */
function local(args: readonly string[], file: string): Promise<{ code: unknown; stderr: string }> {
  const env = { ...process.env, PIPELINE_FILE: file };
  return new Promise((end) => {
    const command = ["--require", "tsx/cjs", "local/cli.ts", ...args];
    execFile(process.execPath, command, { cwd: PROJECT, env, timeout: 30_000 }, (error, _stdout, stderr) => {
      end({ code: error?.code ?? 0, stderr });
    });
  });
}

test("npm run local takes the file that PIPELINE_FILE names, unless --config names one", async () => {
  const [named, chosen] = [join(folder, "named.yaml"), join(folder, "chosen.yaml")];
  const [byVariable, byOption] = await Promise.all([local([], named), local(["--config", chosen], named)]);
  expect(byVariable).toStrictEqual({ code: 1, stderr: expect.stringContaining(named) as string });
  expect(byOption).toStrictEqual({ code: 1, stderr: expect.stringContaining(chosen) as string });
});

test("what a shell sources is one export a line, whatever the values hold", () => {
  expect(exportLines({ AWS_REGION: "eu-west-1", PIPELINE_FILE: "/home/it's mine/pipeline.yaml" })).toBe(
    "export AWS_REGION='eu-west-1'\nexport PIPELINE_FILE='/home/it'\\''s mine/pipeline.yaml'\n",
  );
});
