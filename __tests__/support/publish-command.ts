import { publishCommand } from "../../core/publish/command";

export interface CommandRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `publish-image` in this process: to start Node and to load the bundle takes longer than to publish. */
export async function runCommand(...args: readonly string[]): Promise<CommandRun> {
  const [out, err]: [string[], string[]] = [[], []];
  const stdout = jest.spyOn(process.stdout, "write").mockImplementation((text, written?: unknown) => {
    out.push(String(text));
    if (typeof written === "function") (written as () => void)();
    return true;
  });
  const stderr = jest.spyOn(console, "error").mockImplementation((line) => err.push(`${String(line)}\n`));
  try {
    return { code: await publishCommand(args), stdout: out.join(""), stderr: err.join("") };
  } finally {
    stdout.mockRestore();
    stderr.mockRestore();
  }
}
