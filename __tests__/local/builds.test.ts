import { ListBuildsForProjectCommand, type Build, type CodeBuildClient } from "@aws-sdk/client-codebuild";
import { BuildNotStartedError, waitForBuild } from "../../local/builds";

/** CodeBuild with these builds. */
function codebuild(...builds: readonly Build[]): CodeBuildClient {
  const send = (command: object): Promise<object> =>
    Promise.resolve(command instanceof ListBuildsForProjectCommand ? { ids: builds.map(({ id }) => id) } : { builds });
  return { send } as unknown as CodeBuildClient;
}

const build = (fields: Build): Build => ({
  id: "images_api:1",
  environment: {
    type: "LINUX_CONTAINER",
    image: "i",
    computeType: "BUILD_GENERAL1_SMALL",
    environmentVariables: [{ name: "DROP_VERSION_ID", value: "v1" }],
  },
  ...fields,
});

const options = { timeout: 0.05, startTimeout: 0.02, interval: 5 };

test("a drop of which nothing is heard is told from a build that takes too long", async () => {
  const unheard = waitForBuild(codebuild(build({})), "images_api", "v2", options);
  await expect(unheard).rejects.toThrow(BuildNotStartedError);
  await expect(unheard).rejects.toThrow("the build of version v2 was not started after 0.02 s in project images_api");
  const slow = waitForBuild(codebuild(build({ currentPhase: "BUILD" })), "images_api", "v1", options);
  await expect(slow).rejects.toThrow("the build of version v1 is still in BUILD after 0.05 s in project images_api");
  await expect(slow).rejects.not.toThrow(BuildNotStartedError);
});

test("without a time of its own for its start, a build has all of it", async () => {
  const unheard = waitForBuild(codebuild(), "images_api", "v1", { timeout: 0.02, interval: 5 });
  await expect(unheard).rejects.toThrow("was not started after 0.02 s");
});

test("a build that has ended is answered, however it ended", async () => {
  const ended = build({ buildComplete: true, buildStatus: "FAILED" });
  await expect(waitForBuild(codebuild(ended), "images_api", "v1", options)).resolves.toBe(ended);
});
