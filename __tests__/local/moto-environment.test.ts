import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ensureMoto } from "../../local/moto";

let directory: string;
let progress: string[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "moto-environment-"));
  progress = [];
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

/** A python that says its version, and makes environments whose own python notes what pip was asked for. */
function fakePython({ version = "3.10", venv = "mkdir -p $3/bin && cp $0 $3/bin/python", pip = "true" } = {}): string {
  const python = join(directory, "python3");
  const script = `#!/bin/sh
    case "$2" in
      *version_info*) echo ${version} ;;
      venv) ${venv} ;;
      pip) echo "$@" >> ${directory}/pip.log; ${pip} ;;
    esac
  `;
  writeFileSync(python, script);
  chmodSync(python, 0o755);
  return python;
}

function ensure(python: string): Promise<string> {
  return ensureMoto(directory, { python, onProgress: (line) => progress.push(line) });
}

function environments(): string[] {
  return readdirSync(join(directory, ".local", "venv"));
}

test("is made once, from the requirements, and says that it takes a while", async () => {
  const python = await ensure(fakePython());

  expect(python).toBe(join(directory, ".local", "venv", environments()[0]!, "bin", "python"));
  expect(environments()).toEqual([expect.stringMatching(/^[0-9a-f]{16}$/)]);
  expect(progress).toEqual([
    `Installing the emulator (moto) and the AWS CLI into ${join(directory, ".local", "venv", environments()[0]!)}, once; this takes about 20 s`,
  ]);
  expect(readFileSync(join(directory, "pip.log"), "utf8")).toMatch(
    /^-m pip install --quiet --disable-pip-version-check --requirement \S+\/local\/moto\/requirements\.txt\n$/,
  );

  expect(await ensure("/nonexistent/python3")).toBe(python);
  expect(progress).toHaveLength(1);
});

test("is one where two are made at once", async () => {
  const python = fakePython({ pip: "sleep 0.2" });

  const [first, second] = await Promise.all([ensure(python), ensure(python)]);

  expect(first).toBe(second);
  expect(environments()).toHaveLength(1);
});

test("is made anew where its Python is gone", async () => {
  const interpreter = await ensure(fakePython());
  rmSync(interpreter);
  symlinkSync("/nonexistent/python3.10", interpreter);

  expect(await ensure(fakePython())).toBe(interpreter);
  expect(existsSync(interpreter)).toBe(true);
  expect(environments()).toHaveLength(1);
});

test.each(["3.10", "3.14", "4.0"])("is made with Python %s", async (version) => {
  await expect(ensure(fakePython({ version }))).resolves.toMatch(/\/bin\/python$/);
});

test.each(["3.9", "2.7"])("is not made with Python %s", async (version) => {
  const python = fakePython({ version });

  await expect(ensure(python)).rejects.toThrow(
    `\`${python}\` is Python ${version}; the emulator (moto) needs Python 3.10 or newer as \`python3\`. ` +
      "Install it: `apt-get install -y python3 python3-venv` (Debian, Ubuntu) or `brew install python` (macOS)",
  );
  expect(progress).toEqual([]);
});

test("is not made without Python", async () => {
  await expect(ensure("/nonexistent/python3")).rejects.toThrow(
    "`/nonexistent/python3` was not found or does not run; the emulator (moto) needs Python 3.10 or newer as `python3`. " +
      "Install it: `apt-get install -y python3 python3-venv` (Debian, Ubuntu) or `brew install python` (macOS)",
  );
});

test("leaves nothing behind where venv fails", async () => {
  const python = fakePython({ venv: "echo ensurepip is not available; exit 1" });

  await expect(ensure(python)).rejects.toThrow(
    /could not make a virtual environment in .*\. Install it: `apt-get install -y python3 python3-venv`.*\nensurepip is not available$/s,
  );
  expect(environments()).toEqual([]);
});

test("leaves nothing behind where pip fails", async () => {
  const python = fakePython({ pip: "echo no matching distribution >&2; exit 1" });

  await expect(ensure(python)).rejects.toThrow(
    /^pip could not install \S+requirements\.txt\. Check that a Python package index is reached \(PIP_INDEX_URL, HTTPS_PROXY\) and run the command again\nno matching distribution$/,
  );
  expect(environments()).toEqual([]);
});
