import { existsSync } from "node:fs";
import { Bench, commands, contextOf, phasesOf, projectInput } from "./codebuild-support";

let bench: Bench;
/** What was done with daemons, in order. */
let daemons: string[];
let failure: Error | undefined;

beforeAll(async () => {
  bench = await Bench.start({
    buildEnvironment: { PLATFORM: "1" },
    startDocker: (directory) => {
      if (failure) return Promise.reject(failure);
      daemons.push(`start in ${directory.replace(bench.workDirectory, "").replace(/-[0-9a-f-]+/, "-ID")}`);
      const close = (): Promise<void> => {
        daemons.push("close");
        return Promise.resolve();
      };
      return Promise.resolve({ host: "unix:///run/of-the-build.sock", pid: 1, close });
    },
  });
  await bench.create({
    environment: { ...projectInput().environment!, privilegedMode: true },
    source: { type: "NO_SOURCE", buildspec: commands('echo "$DOCKER_HOST"') },
  });
});
beforeEach(() => {
  daemons = [];
  failure = undefined;
});
afterAll(() => bench.close());

test("a privileged build has a daemon of its own, for as long as it runs", async () => {
  const { output } = await bench.run();
  expect(output).toBe("unix:///run/of-the-build.sock\n");
  expect(daemons).toEqual(["start in /sample-ID/docker", "close"]);
});

test("the daemon ends with a build that fails, too", async () => {
  const { build } = await bench.run({ buildspecOverride: commands("false") });
  expect(build.buildStatus).toBe("FAILED");
  expect(daemons).toEqual(["start in /sample-ID/docker", "close"]);
});

test("other builds find no daemon, not even one that runs on this machine", async () => {
  const { output } = await bench.run({ privilegedModeOverride: false });
  expect(output).toMatch(/^unix:\/\/\/.+\/tmp\/docker\.sock\n$/);
  expect(existsSync(output.trim().slice("unix://".length))).toBe(false);
  expect(daemons).toEqual([]);
});

test("a project's own DOCKER_HOST leads nowhere else, and the log says so", async () => {
  const environmentVariablesOverride = [{ name: "DOCKER_HOST", value: "tcp://docker.example:2375" }];
  const { output, log } = await bench.run({ environmentVariablesOverride });
  expect(output).toBe("unix:///run/of-the-build.sock\n");
  expect(log).toContain(
    "DOCKER_HOST is not used as configured: on this machine the platform decides where requests go",
  );
});

test("where no daemon can be started, the build fails before its first command", async () => {
  failure = new Error("a privileged build cannot run here");
  const { build } = await bench.run();
  expect(phasesOf(build)).toContain("DOWNLOAD_SOURCE FAILED");
  expect(contextOf(build, "DOWNLOAD_SOURCE")).toEqual({
    statusCode: "NOT_SUPPORTED_LOCALLY",
    message: "a privileged build cannot run here",
  });
  expect(build.phases?.some(({ phaseType }) => phaseType === "BUILD")).toBe(false);
});
