import { names } from "../../config/names";

test("everything is named after its pipeline", () => {
  const { buildProject, buildRole, serviceRule, toolsBucket, trailBucket, ...fixed } = names("images");
  expect(fixed).toEqual({
    function: "images_start-build",
    startBuildRole: "images_start-build",
    functionLogGroup: "/aws/lambda/images_start-build",
    queue: "images_drops",
    deadLetterQueue: "images_dead-letters",
    topic: "images_drops",
    rule: "images_drops",
    trail: "images_drops",
    buildLogGroup: "/aws/codebuild/images_builds",
    sharedBuildRole: "images_build",
  });
  expect(buildProject("api")).toBe("images_api");
  expect(buildRole("api")).toBe("images_api_build");
  expect(serviceRule("api")).toBe("images_api");
  expect(trailBucket("123456789012", "cn-north-1")).toBe("images-trail-123456789012-cn-north-1");
  expect(toolsBucket("123456789012", "cn-north-1")).toBe("images-tools-123456789012-cn-north-1");
});

test.each(["start-build", "build", "start-build_build"])(
  "the role of a service named %s is none of the pipeline's own",
  (service) => {
    const { buildRole, startBuildRole, sharedBuildRole } = names("images");
    expect([startBuildRole, sharedBuildRole]).not.toContain(buildRole(service));
  },
);

test("no name of a pipeline begins with the beginning of another's", () => {
  const own = names("a");
  const longer = names("a-b");
  for (const name of [
    longer.function,
    longer.queue,
    longer.buildProject("x"),
    longer.buildRole("x"),
    longer.topic,
    longer.rule,
    longer.serviceRule("x"),
  ]) {
    expect(name.startsWith("a_")).toBe(false);
  }
  expect(own.buildProject("b_x")).not.toBe(longer.buildProject("x"));
});
