import {
  DeleteRolePolicyCommand,
  GetRolePolicyCommand,
  IAMClient,
  ListRolePoliciesCommand,
  ListRolesCommand,
  PutRolePolicyCommand,
  UpdateAssumeRolePolicyCommand,
} from "@aws-sdk/client-iam";
import {
  AddPermissionCommand,
  GetPolicyCommand,
  LambdaClient,
  RemovePermissionCommand,
  ResourceNotFoundException,
} from "@aws-sdk/client-lambda";
import {
  GetTopicAttributesCommand,
  ListTopicsCommand,
  SetTopicAttributesCommand,
  SNSClient,
} from "@aws-sdk/client-sns";
import {
  GetQueueAttributesCommand,
  ListQueuesCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";

/** A statement that allows something, in a policy that is applied. */
export interface Grant {
  readonly sid: string;
  /** What carries the policy: `role by-bus_start-build`, `queue by-bus_drops` ... */
  readonly of: string;
  readonly actions: readonly string[];
  /** Takes the statement away, and answers with what brings it back. */
  remove(): Promise<() => Promise<void>>;
}

interface Statement {
  readonly Sid: string;
  readonly Effect: "Allow" | "Deny";
  readonly Action: string | readonly string[];
  readonly Principal?: { readonly Service?: string };
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

type Save = (statements: readonly Statement[]) => Promise<unknown>;

/** Every grant in the policies of a pipeline's roles, queues, topics and functions, which all begin with its name. */
export async function grantsOf(pipeline: string): Promise<Grant[]> {
  const all = await Promise.all([rolesOf(pipeline), queuesOf(pipeline), topicsOf(pipeline), functionsOf(pipeline)]);
  return all.flat();
}

async function rolesOf(pipeline: string): Promise<Grant[]> {
  const iam = new IAMClient({});
  const { Roles = [] } = await iam.send(new ListRolesCommand({}));
  const ours = Roles.filter(({ RoleName = "" }) => RoleName.startsWith(`${pipeline}_`));
  const grants = ours.map(async ({ RoleName = "", AssumeRolePolicyDocument = "" }) => {
    const trust = grantsIn(`trust of ${RoleName}`, decodeURIComponent(AssumeRolePolicyDocument), async (statements) => {
      // A role trusts somebody always.
      const nobody = [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: "ec2.amazonaws.com" } }];
      const PolicyDocument = renderPolicy(statements.length > 0 ? statements : nobody);
      await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument }));
    });
    const { PolicyNames = [] } = await iam.send(new ListRolePoliciesCommand({ RoleName }));
    const inline = PolicyNames.map(async (PolicyName) => {
      const { PolicyDocument = "" } = await iam.send(new GetRolePolicyCommand({ RoleName, PolicyName }));
      return grantsIn(`role ${RoleName}`, decodeURIComponent(PolicyDocument), async (statements) => {
        if (statements.length === 0) await iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName }));
        else
          await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument: renderPolicy(statements) }));
      });
    });
    return [...trust, ...(await Promise.all(inline)).flat()];
  });
  return (await Promise.all(grants)).flat();
}

async function queuesOf(pipeline: string): Promise<Grant[]> {
  const sqs = new SQSClient({});
  const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({ QueueNamePrefix: `${pipeline}_` }));
  const grants = QueueUrls.map(async (QueueUrl) => {
    const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["Policy"] }));
    return grantsIn(`queue ${QueueUrl.split("/").at(-1) ?? ""}`, Attributes?.Policy, (statements) =>
      sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy: renderPolicy(statements) } })),
    );
  });
  return (await Promise.all(grants)).flat();
}

async function topicsOf(pipeline: string): Promise<Grant[]> {
  const sns = new SNSClient({});
  const { Topics = [] } = await sns.send(new ListTopicsCommand({}));
  const ours = Topics.filter(({ TopicArn = "" }) => TopicArn.split(":").at(-1)?.startsWith(`${pipeline}_`));
  const grants = ours.map(async ({ TopicArn }) => {
    const { Attributes } = await sns.send(new GetTopicAttributesCommand({ TopicArn }));
    return grantsIn(`topic ${TopicArn?.split(":").at(-1) ?? ""}`, Attributes?.Policy, (statements) =>
      sns.send(
        new SetTopicAttributesCommand({
          TopicArn,
          AttributeName: "Policy",
          AttributeValue: renderPolicy(statements),
        }),
      ),
    );
  });
  return (await Promise.all(grants)).flat();
}

async function functionsOf(pipeline: string): Promise<Grant[]> {
  const lambda = new LambdaClient({});
  const FunctionName = `${pipeline}_start-build`;
  const policy = await lambda.send(new GetPolicyCommand({ FunctionName })).catch((error: unknown) => {
    if (error instanceof ResourceNotFoundException) return { Policy: undefined };
    throw error;
  });
  const { Statement: statements = [] } = JSON.parse(policy.Policy ?? "{}") as { Statement?: Statement[] };
  return statements.map((statement) => ({
    sid: statement.Sid,
    of: `function ${FunctionName}`,
    actions: [statement.Action].flat(),
    remove: async () => {
      await lambda.send(new RemovePermissionCommand({ FunctionName, StatementId: statement.Sid }));
      return async () => {
        const { Condition = {}, Principal } = statement;
        await lambda.send(
          new AddPermissionCommand({
            FunctionName,
            StatementId: statement.Sid,
            Action: [statement.Action].flat()[0],
            Principal: Principal?.Service,
            SourceArn: Condition.ArnLike?.["AWS:SourceArn"],
            SourceAccount: Condition.StringEquals?.["AWS:SourceAccount"],
          }),
        );
      };
    },
  }));
}

function grantsIn(of: string, policy: string | undefined, save: Save): Grant[] {
  const { Statement: statements = [] } = JSON.parse(policy ?? "{}") as { Statement?: Statement[] };
  const removed = new Set<Statement>();
  const saveRest = async (): Promise<void> => {
    await save(statements.filter((statement) => !removed.has(statement)));
  };
  return statements
    .filter(({ Effect }) => Effect === "Allow")
    .map((statement) => ({
      sid: statement.Sid,
      of,
      actions: [statement.Action].flat(),
      remove: async () => {
        removed.add(statement);
        await saveRest();
        return async () => {
          removed.delete(statement);
          await saveRest();
        };
      },
    }));
}

function renderPolicy(statements: readonly object[]): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: statements });
}
