import { carryOut, parseArguments, parseOptions, UsageError } from "../../core/usage";

async function run(args: readonly string[], command: () => number | Promise<number>) {
  const said = { out: "", err: "" };
  const output = { out: (text: string) => (said.out += text), err: (text: string) => (said.err += text) };
  return { code: await carryOut("npm run it\n", args, output, command), ...said };
}

const OPTIONS = { check: { type: "boolean" }, file: { type: "string" } } as const;
const options = (args: readonly string[]) => run(args, () => (parseOptions(args, OPTIONS).check === true ? 1 : 0));

test("a command that is understood is run, and its exit code is the command's", async () => {
  expect(await options([])).toStrictEqual({ code: 0, out: "", err: "" });
  expect(await options(["--check", "--file", "a"])).toStrictEqual({ code: 1, out: "", err: "" });
});

test("--help prints what the command does, and does nothing", async () => {
  const command = jest.fn(() => 1);
  expect(await run(["--check", "--help"], command)).toStrictEqual({ code: 0, out: "npm run it\n", err: "" });
  expect(command).not.toHaveBeenCalled();
});

test.each([
  [["--frob"], "Unknown option '--frob'; --help lists the options\n"],
  [["--file"], "Option '--file <value>' argument missing; --help lists the options\n"],
  [["--check=1"], "Option '--check' does not take an argument; --help lists the options\n"],
  [["a", "b"], "expected options alone, got: a b\n"],
])("%j is refused with one sentence", async (args, err) => {
  expect(await options(args)).toStrictEqual({ code: 2, out: "", err });
});

test("a command may take words, and refuse what it does not understand itself", async () => {
  expect(parseArguments(["a", "--check", "b"], OPTIONS).positionals).toStrictEqual(["a", "b"]);
  const refused = run([], () => {
    throw new UsageError("FOLDER is missing");
  });
  expect(await refused).toStrictEqual({ code: 2, out: "", err: "FOLDER is missing\n" });
});

test("an error that is not about the command line is nobody's here", async () => {
  const failing = run([], () => Promise.reject(new Error("no room")));
  await expect(failing).rejects.toThrow("no room");
});
