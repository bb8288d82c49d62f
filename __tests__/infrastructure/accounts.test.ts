import { SENDER, REGISTRY } from "../support/existing";
import { ACCOUNTS, synthesise } from "../support/synthesis";

describe("accounts that pull", () => {
  test.each(ACCOUNTS)(
    "get exactly what a pull takes, by the repository's policy, in $partition",
    ({ region, partition }) => {
      const pullAccounts = [REGISTRY, SENDER];
      const { policy, repository } = synthesise({ region, repositories: { pullAccounts } }).resource(
        "aws_ecr_repository_policy",
      );
      expect(repository).toBe("api");
      expect(JSON.parse(policy as string)).toStrictEqual({
        Version: "2012-10-17",
        Statement: [
          {
            Sid: "PullImages",
            Effect: "Allow",
            Principal: { AWS: [`arn:${partition}:iam::${SENDER}:root`, `arn:${partition}:iam::${REGISTRY}:root`] },
            Action: ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
          },
        ],
      });
    },
  );

  test("get nothing of repositories that exist, and there is no policy where nobody pulls", () => {
    const services = ["web", { name: "api", repository: { existing: "platform/api" } }];
    const counts = synthesise({ services, repositories: { pullAccounts: [SENDER] } }).counts();
    expect(counts).toMatchObject({ aws_ecr_repository: 1, aws_ecr_repository_policy: 1 });
    expect(synthesise().counts()).not.toHaveProperty("aws_ecr_repository_policy");
  });
});

describe("the provider", () => {
  test("assumes a role, and stops in accounts that are not listed", () => {
    const provider = {
      assumeRole: {
        roleArn: "arn:aws:iam::111122223333:role/deploy",
        externalId: "images/1",
        sessionName: "s3-codebuild-trigger",
      },
      allowedAccountIds: ["111122223333"],
    };
    expect(synthesise({ provider }).provider.aws).toStrictEqual([
      {
        region: "us-east-1",
        allowed_account_ids: ["111122223333"],
        assume_role: [
          {
            role_arn: "arn:aws:iam::111122223333:role/deploy",
            external_id: "images/1",
            session_name: "s3-codebuild-trigger",
          },
        ],
        default_tags: [{ tags: { "s3-codebuild-trigger:pipeline": "images" } }],
      },
    ]);
  });

  test("takes the account that it finds itself in where nothing is said", () => {
    expect(Object.keys(synthesise().provider.aws![0]!)).toStrictEqual(["region", "default_tags"]);
  });
});
