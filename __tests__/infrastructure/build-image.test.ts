import type { PipelineInput } from "../../config/schema";
import { ACCOUNTS, synthesise, type Synthesis } from "../support/synthesis";

const OWN = "111122223333";
const TEAM = "777788889999";
const PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];

const image = (account: string, repository = "team/node", region = "us-east-1", suffix = "amazonaws.com") =>
  `${account}.dkr.ecr.${region}.${suffix}/${repository}:22`;
const service = (name: string, buildImage?: string) => ({
  name,
  ...(buildImage !== undefined && { compute: { image: buildImage } }),
});

function environment(synthesis: Synthesis, name = "api") {
  return synthesis.resource("aws_codebuild_project", `services/${name}/project`).environment;
}

/** What the role may pull, and that it may log in to registries. */
function allowed(synthesis: Synthesis, role = "services/api/build") {
  const policy = synthesis.policies().get(`aws_iam_role_policy images/pipeline/${role}/policy policy`);
  return policy!.Statement.filter(({ Sid }) => Sid === "PullBuildImages" || Sid === "LogIn").slice();
}

const LOG_IN = { Sid: "LogIn", Effect: "Allow", Action: "ecr:GetAuthorizationToken", Resource: "*" };
const pulls = (...resources: readonly string[]) => ({
  Sid: "PullBuildImages",
  Effect: "Allow",
  Action: PULL,
  Resource: resources,
});

/** What owners of repositories attach, parsed. */
function repositoryPolicies(synthesis: Synthesis) {
  const parts = (synthesis.output.for_others?.value ?? {}) as { repository_policies?: Record<string, string> };
  return Object.fromEntries(
    Object.entries(parts.repository_policies ?? {}).map(([name, policy]) => [name, JSON.parse(policy) as unknown]),
  );
}

const fromRoles = (arns: string | readonly string[], partition = "aws") => ({
  Version: "2012-10-17",
  Statement: [
    {
      Sid: "PullBuildImages",
      Effect: "Allow",
      Principal: { AWS: `arn:${partition}:iam::${OWN}:root` },
      Condition: { ArnLike: { "aws:PrincipalArn": arns } },
      Action: PULL,
    },
  ],
});
const roleOf = (name: string) => `arn:aws:iam::${OWN}:role/images_${name}_build`;

describe("a build image in private ECR", () => {
  test.each(ACCOUNTS)("is pulled by the build's role, in $partition", ({ partition, region, suffix }) => {
    const team = image(TEAM, "team/node", region, suffix);
    const synthesis = synthesise({ region, services: [service("api", team)] });
    expect(environment(synthesis)).toMatchObject({ image: team, image_pull_credentials_type: "SERVICE_ROLE" });
    expect(allowed(synthesis)).toStrictEqual([
      LOG_IN,
      pulls(`arn:${partition}:ecr:${region}:${TEAM}:repository/team/node`),
    ]);
    expect(repositoryPolicies(synthesis)).toStrictEqual({
      [`${TEAM}/team/node`]: fromRoles(`arn:${partition}:iam::${OWN}:role/images_api_build`, partition),
    });
  });

  test("is pulled so on Lambda compute", () => {
    const compute = { type: "BUILD_LAMBDA_1GB", image: image(TEAM) } as const;
    const synthesis = synthesise({ services: [{ name: "api", compute }] });
    expect(environment(synthesis)).toMatchObject({ image_pull_credentials_type: "SERVICE_ROLE" });
    expect(allowed(synthesis)).toStrictEqual([LOG_IN, pulls(`arn:aws:ecr:us-east-1:${TEAM}:repository/team/node`)]);
  });

  test("may lie in another region, where its repository goes by its URL", () => {
    const synthesis = synthesise({ services: [service("api", image(TEAM, "team/node", "eu-west-1"))] });
    expect(allowed(synthesis)).toStrictEqual([LOG_IN, pulls(`arn:aws:ecr:eu-west-1:${TEAM}:repository/team/node`)]);
    expect(repositoryPolicies(synthesis)).toStrictEqual({
      [`${TEAM}.dkr.ecr.eu-west-1.amazonaws.com/team/node`]: fromRoles(roleOf("api")),
    });
  });

  test("asks nothing of others where the account is the only one that is allowed", () => {
    const told = (allowedAccountIds: string[]) =>
      repositoryPolicies(synthesise({ provider: { allowedAccountIds }, services: [service("api", image(OWN))] }));
    expect(told([OWN])).toStrictEqual({});
    expect(Object.keys(told([OWN, TEAM]))).toStrictEqual([`${OWN}/team/node`]);
  });

  test("is for the services that build in it, and for no other", () => {
    const services = [service("api", image(TEAM)), service("web", image(TEAM, "web")), service("db")];
    const synthesis = synthesise({ services });
    expect(allowed(synthesis, "services/web/build")).toStrictEqual([
      LOG_IN,
      pulls(`arn:aws:ecr:us-east-1:${TEAM}:repository/web`),
    ]);
    expect(allowed(synthesis, "services/db/build")).toStrictEqual([LOG_IN]);
    expect(environment(synthesis, "db")).not.toHaveProperty("image_pull_credentials_type");
  });

  test("that several build in names their roles, and all roles by a pattern where all do", () => {
    const told = (...services: NonNullable<PipelineInput["services"]>) =>
      repositoryPolicies(synthesise({ services }))[`${TEAM}/team/node`];
    const [api, web] = [service("api", image(TEAM)), service("web", image(TEAM))];
    expect(told(api, web, service("db"))).toStrictEqual(fromRoles([roleOf("api"), roleOf("web")]));
    expect(told(api, web)).toStrictEqual(fromRoles(roleOf("*")));
  });

  test("is pulled by the one role of all builds, which names each repository once", () => {
    const services = [service("web", image(TEAM, "web")), service("api", image(TEAM)), service("db", image(TEAM))];
    const synthesis = synthesise({ roles: "shared", services });
    expect(allowed(synthesis, "build")).toStrictEqual([
      LOG_IN,
      pulls(`arn:aws:ecr:us-east-1:${TEAM}:repository/team/node`, `arn:aws:ecr:us-east-1:${TEAM}:repository/web`),
    ]);
    const shared = fromRoles(`arn:aws:iam::${OWN}:role/images_build`);
    expect(repositoryPolicies(synthesis)).toStrictEqual({ [`${TEAM}/team/node`]: shared, [`${TEAM}/web`]: shared });
  });

  test("is pulled by the role that exists, whose owner is told", () => {
    const existing = `arn:aws:iam::${OWN}:role/builds`;
    const synthesis = synthesise({ roles: { builds: { existing } }, services: [service("api", image(TEAM))] });
    const { builds_role_policy } = synthesis.output.for_others!.value as { builds_role_policy: string };
    expect((JSON.parse(builds_role_policy) as { Statement: unknown[] }).Statement).toContainEqual(
      pulls(`arn:aws:ecr:us-east-1:${TEAM}:repository/team/node`),
    );
    expect(repositoryPolicies(synthesis)).toStrictEqual({ [`${TEAM}/team/node`]: fromRoles(existing) });
  });

  test("that services are published to as well has both in one policy", () => {
    const repository = { existing: "team/node", account: TEAM };
    const synthesis = synthesise({ services: [{ name: "api", repository }, service("web", image(TEAM))] });
    const policy = repositoryPolicies(synthesis)[`${TEAM}/team/node`] as { Statement: { Sid: string }[] };
    expect(policy.Statement.map(({ Sid }) => Sid)).toStrictEqual(["PushImages", "PullBuildImages"]);
  });
});

test.each([undefined, "public.ecr.aws/docker/library/node:22", "registry.example/node:22"])(
  "any other image takes no permission: %s",
  (other) => {
    const synthesis = synthesise({ services: [service("api", other)] });
    expect(environment(synthesis)).not.toHaveProperty("image_pull_credentials_type");
    expect(allowed(synthesis)).toStrictEqual([LOG_IN]);
    expect(synthesis.output).not.toHaveProperty("for_others");
  },
);
