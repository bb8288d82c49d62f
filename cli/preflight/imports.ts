import { GetTrailCommand } from "@aws-sdk/client-cloudtrail";
import { DescribeLogGroupsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { BatchGetProjectsCommand } from "@aws-sdk/client-codebuild";
import { DescribeRepositoriesCommand } from "@aws-sdk/client-ecr";
import { DescribeRuleCommand } from "@aws-sdk/client-eventbridge";
import { GetRoleCommand } from "@aws-sdk/client-iam";
import { GetFunctionCommand, GetPolicyCommand, ListEventSourceMappingsCommand } from "@aws-sdk/client-lambda";
import { paginateListTopics } from "@aws-sdk/client-sns";
import { GetQueueUrlCommand } from "@aws-sdk/client-sqs";
import { type Account, lookAt, unlessMissing } from "./account";
import type { Plan } from "./plan";

/** Something that is in the account under its name, and that the plan would create. */
export interface Import {
  readonly address: string;
  readonly id: string;
}

/** What is there under the planned name, by the id that `terraform import` wants; nothing where nothing is there. */
type Find = (planned: Planned, account: Account) => Promise<string | undefined>;

/** An argument of the planned resource; empty where the plan does not know it yet. */
type Planned = (argument: string) => string;

/**
 * What AWS lets exist once for a name. What hangs on one of these, such as a policy, is written again by the apply, and needs no import.
 * The ids: "Import" at the end of each resource's page in https://registry.terraform.io/providers/hashicorp/aws/5.100.0/docs
 */
const FINDERS: Readonly<Record<string, Find>> = {
  aws_s3_bucket: async (planned, { s3 }) => {
    const bucket = planned("bucket");
    return (await lookAt(s3, bucket)) === "there" ? bucket : undefined;
  },
  aws_sqs_queue: async (planned, { sqs }) => {
    const asked = sqs.send(new GetQueueUrlCommand({ QueueName: planned("name") }));
    return (await unlessMissing(asked, "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"))?.QueueUrl;
  },
  aws_sns_topic: async (planned, { sns }) => {
    const ending = `:${planned("name")}`;
    for await (const { Topics = [] } of paginateListTopics({ client: sns }, {})) {
      const topic = Topics.find(({ TopicArn = "" }) => TopicArn.endsWith(ending));
      if (topic) return topic.TopicArn;
    }
    return undefined;
  },
  aws_iam_role: async (planned, { iam }) => {
    const asked = iam.send(new GetRoleCommand({ RoleName: planned("name") }));
    return (await unlessMissing(asked, "NoSuchEntityException", "NoSuchEntity"))?.Role?.RoleName;
  },
  aws_cloudwatch_log_group: async (planned, { logs }) => {
    const name = planned("name");
    const { logGroups = [] } = await logs.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: name }));
    return logGroups.find(({ logGroupName }) => logGroupName === name)?.logGroupName;
  },
  aws_ecr_repository: async (planned, { ecr }) => {
    const asked = ecr.send(new DescribeRepositoriesCommand({ repositoryNames: [planned("name")] }));
    return (await unlessMissing(asked, "RepositoryNotFoundException"))?.repositories?.[0]?.repositoryName;
  },
  aws_codebuild_project: async (planned, { codebuild }) => {
    const { projects = [] } = await codebuild.send(new BatchGetProjectsCommand({ names: [planned("name")] }));
    return projects[0]?.name;
  },
  aws_lambda_function: async (planned, { lambda }) => {
    const asked = lambda.send(new GetFunctionCommand({ FunctionName: planned("function_name") }));
    return (await unlessMissing(asked, "ResourceNotFoundException"))?.Configuration?.FunctionName;
  },
  aws_lambda_permission: async (planned, { lambda }) => {
    const [FunctionName, sid] = [planned("function_name"), planned("statement_id")];
    const answer = await unlessMissing(
      lambda.send(new GetPolicyCommand({ FunctionName })),
      "ResourceNotFoundException",
    );
    const { Statement = [] } = JSON.parse(answer?.Policy ?? "{}") as {
      readonly Statement?: readonly { Sid?: string }[];
    };
    return Statement.some(({ Sid }) => Sid === sid) ? `${FunctionName}/${sid}` : undefined;
  },
  aws_lambda_event_source_mapping: async (planned, { lambda }) => {
    const asked = lambda.send(
      new ListEventSourceMappingsCommand({
        FunctionName: planned("function_name"),
        EventSourceArn: planned("event_source_arn"),
      }),
    );
    return (await unlessMissing(asked, "ResourceNotFoundException"))?.EventSourceMappings?.[0]?.UUID;
  },
  aws_cloudwatch_event_rule: async (planned, { events }) => {
    const [Name, EventBusName] = [planned("name"), planned("event_bus_name") || "default"];
    const asked = events.send(new DescribeRuleCommand({ Name, EventBusName }));
    const rule = await unlessMissing(asked, "ResourceNotFoundException");
    return rule && `${EventBusName}/${Name}`;
  },
  aws_cloudtrail: async (planned, { cloudtrail }) => {
    const asked = cloudtrail.send(new GetTrailCommand({ Name: planned("name") }));
    return (await unlessMissing(asked, "TrailNotFoundException"))?.Trail?.TrailARN;
  },
};

/** The arguments that tell one resource from another; without them it cannot be looked for yet. */
const IDENTITY: Readonly<Record<string, readonly string[]>> = {
  aws_s3_bucket: ["bucket"],
  aws_lambda_function: ["function_name"],
  aws_lambda_permission: ["function_name", "statement_id"],
  aws_lambda_event_source_mapping: ["function_name", "event_source_arn"],
};

/**
 * What the plan would create and what is there already: left behind by an apply that was killed before it wrote its state. After the
 * imports a new plan knows more, and more may be found.
 */
export async function findImports({ resource_changes }: Plan, account: Account): Promise<Import[]> {
  const found: Import[] = [];
  for (const { address, mode, type, change } of resource_changes) {
    const find = FINDERS[type];
    if (mode !== "managed" || !find || change.actions.join() !== "create" || change.importing) continue;
    const planned: Planned = (argument) => {
      const value = change.after?.[argument];
      return typeof value === "string" ? value : "";
    };
    if ((IDENTITY[type] ?? ["name"]).some((argument) => planned(argument) === "")) continue;
    const id = await find(planned, account);
    if (id !== undefined && id !== "") found.push({ address, id });
  }
  return found;
}

/** For a shell, in the stack's folder. */
export function importLine({ address, id }: Import): string {
  return `terraform import '${address}' '${id}'`;
}
