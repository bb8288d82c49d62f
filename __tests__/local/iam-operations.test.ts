import { permissionOfS3, permissionsOfJson } from "../../local/iam/operations";
import { thrownBy } from "../support/thrown";

const PLACE = { partition: "aws", region: "us-east-1", account: "123456789012" };
const arn = (service: string, resource: string) => `arn:aws:${service}:us-east-1:123456789012:${resource}`;
const STREAM = { logGroupName: "/aws/codebuild/a", logStreamName: "api/1" };
const QUEUE = { QueueUrl: "http://127.0.0.1:1/123456789012/drops" };

test.each([
  ["CodeBuild_20161006.StartBuild", { projectName: "a" }, ["codebuild:StartBuild", arn("codebuild", "project/a")]],
  [
    "CodeBuild_20161006.StartBuild",
    { projectName: arn("codebuild", "project/b") },
    ["codebuild:StartBuild", arn("codebuild", "project/b")],
  ],
  [
    "CodeBuild_20161006.BatchGetProjects",
    { names: ["a"] },
    ["codebuild:BatchGetProjects", arn("codebuild", "project/a")],
  ],
  [
    "CodeBuild_20161006.BatchGetBuilds",
    { ids: [arn("codebuild", "build/a:1")] },
    ["codebuild:BatchGetBuilds", arn("codebuild", "project/a")],
  ],
  [
    "AmazonEC2ContainerRegistry_V20150921.DescribeImages",
    { repositoryName: "team/api" },
    ["ecr:DescribeImages", arn("ecr", "repository/team/api")],
  ],
  ["Logs_20140328.CreateLogGroup", STREAM, ["logs:CreateLogGroup", arn("logs", "log-group:/aws/codebuild/a")]],
  [
    "Logs_20140328.CreateLogStream",
    STREAM,
    ["logs:CreateLogStream", arn("logs", "log-group:/aws/codebuild/a:log-stream:api/1")],
  ],
  [
    "Logs_20140328.PutLogEvents",
    STREAM,
    ["logs:PutLogEvents", arn("logs", "log-group:/aws/codebuild/a:log-stream:api/1")],
  ],
  ["AmazonSQS.SendMessageBatch", QUEUE, ["sqs:SendMessage", arn("sqs", "drops")]],
  ["AmazonSQS.ReceiveMessage", QUEUE, ["sqs:ReceiveMessage", arn("sqs", "drops")]],
])("%s %j", (target, input, [action, resource]) => {
  expect(permissionsOfJson(PLACE, { target, input })).toStrictEqual([{ action, resource }]);
});

test("each build of a batch takes the permission of its project; an empty batch is refused", () => {
  const target = "CodeBuild_20161006.BatchGetBuilds";
  expect(permissionsOfJson(PLACE, { target, input: { ids: ["a:1", "b:2"] } })).toStrictEqual([
    { action: "codebuild:BatchGetBuilds", resource: arn("codebuild", "project/a") },
    { action: "codebuild:BatchGetBuilds", resource: arn("codebuild", "project/b") },
  ]);
  expect(String(thrownBy(() => permissionsOfJson(PLACE, { target, input: { ids: [] } })))).toMatch(
    /^UnmappedOperationError: The gate does not know which permissions CodeBuild_20161006\.BatchGetBuilds takes/,
  );
});

test.each([
  ["GET", "/b/a%20b/c.zip", "s3:GetObject", "b/a b/c.zip"],
  ["GET", "/b/k?versionId=v&partNumber=1&response-content-type=x", "s3:GetObjectVersion", "b/k"],
  ["GET", "/b/a/../c//./d", "s3:GetObject", "b/a/../c//./d"],
  ["HEAD", "/b/k", "s3:GetObject", "b/k"],
  ["HEAD", "/b/k?versionId=v", "s3:GetObjectVersion", "b/k"],
  ["HEAD", "/b", "s3:ListBucket", "b"],
  ["GET", "/b?list-type=2&prefix=a%2Fb&max-keys=1", "s3:ListBucket", "b", "a/b"],
  ["GET", "/b?prefix=", "s3:ListBucket", "b", ""],
  ["GET", "/b/?versions&prefix=k&key-marker=x", "s3:ListBucketVersions", "b", "k"],
  ["GET", "/b?uploads&prefix=k", "s3:ListBucketMultipartUploads", "b"],
  ["GET", "/b?location", "s3:GetBucketLocation", "b"],
  ["GET", "/b?acl", "s3:GetBucketAcl", "b"],
  ["GET", "/b?versioning", "s3:GetBucketVersioning", "b"],
])("s3 %s %s: %s", (method, path, action, resource, ...prefix) => {
  expect(permissionOfS3(PLACE, method, path, {})).toStrictEqual({
    action,
    resource: `arn:aws:s3:::${resource}`,
    ...(prefix.length > 0 && { context: { "s3:prefix": prefix[0] } }),
  });
});

test.each([
  ["GET", "/"],
  ["GET", "//b/k"],
  ["GET", "/b?policy"],
  ["GET", "/b?list-type=2&policy"],
  ["GET", "/b/k?acl"],
  ["GET", "/b/k?tagging"],
  ["GET", "/b/k?uploadId=1"],
  ["HEAD", "/b/k?torrent"],
  ["HEAD", "/b?x=1"],
  ["PUT", "/b/k"],
  ["PUT", "/b"],
  ["POST", "/b/k?uploads"],
  ["DELETE", "/b/k"],
])("s3 %s %s is not known", (method, path) => {
  expect(String(thrownBy(() => permissionOfS3(PLACE, method, path, {})))).toBe(
    `UnmappedOperationError: The gate does not know which permissions s3 ${method} ${path} takes, so it lets nobody ` +
      "call it. Teach it to local/iam/operations.ts",
  );
});
