import { CodeBuildClient, StartBuildCommand } from "@aws-sdk/client-codebuild";
import type { Target } from "@aws-sdk/client-eventbridge";
import { GetFunctionCommand, LambdaClient } from "@aws-sdk/client-lambda";
import {
  GetQueueAttributesCommand,
  SendMessageCommand,
  SQSClient,
  type MessageAttributeValue,
} from "@aws-sdk/client-sqs";

import { parseArn } from "../delivery/arn";
import { AccessDeniedError, type Iam, type ServicePrincipal } from "../iam";
import { clientSettings } from "../lambda/invoke";
import { IgnoredInputError, TargetError, UnsupportedRuleError } from "./errors";
import type { Json, JsonObject } from "./json";
import { startBuildInput } from "./start-build";

export interface TargetsOptions {
  /** Where every AWS API but CodeBuild's is served, such as moto's URL. */
  readonly endpoint: string;
  readonly region: string;
  readonly iam: Pick<Iam, "authorize" | "assumeRole">;
  /** Takes an event for a function that its sender may invoke. */
  readonly asyncInvoke: (functionArn: string, event: Json) => void;
  /** Takes an event for a bus that its sender may put events on. */
  readonly forward: (account: string, bus: string, event: JsonObject) => void;
  /** Where CodeBuild is served. */
  readonly codebuild: string;
  /** Gets what is left out of a target's input. */
  readonly onProblem: (error: Error) => void;
}

/** Hands input to targets as AWS does: with the permissions of the rule, or of the target's role. */
export class Targets {
  readonly #options: TargetsOptions;
  readonly #sqs: SQSClient;
  readonly #lambda: LambdaClient;

  constructor(options: TargetsOptions) {
    this.#options = options;
    // The rule's retry policy decides how often, not the SDK.
    const client = { ...clientSettings(options), maxAttempts: 1 };
    this.#sqs = new SQSClient(client);
    this.#lambda = new LambdaClient(client);
  }

  /**
   * @param rule who sends
   * @param input JSON
   * @param forwarded whether it came from another bus, from which it goes to no third one:
   *   https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
   * @throws UnsupportedRuleError
   */
  async send(
    target: Target,
    rule: ServicePrincipal,
    input: string,
    { forwarded }: { readonly forwarded: boolean },
  ): Promise<void> {
    const { Arn: arn = "" } = target;
    const { service, name } = parseArn(arn);
    const unsupported = extras(target);
    if (unsupported.length > 0) throw new UnsupportedRuleError(`Target ${arn}`, unsupported.join(", "));
    if (service === "sqs") return this.sendMessage(arn, rule, input);
    if (service === "lambda") return this.#invoke(arn, rule, JSON.parse(input) as Json);
    if (service === "codebuild" && name.startsWith("project/")) return this.#startBuild(target, rule, input);
    if (service === "events" && name.startsWith("event-bus/") && !forwarded) {
      return this.#putEvent(target, rule, JSON.parse(input) as JsonObject);
    }
    throw new UnsupportedRuleError(`Target ${arn}`, `a target of ${service}`);
  }

  /** @throws UnsupportedRuleError for a FIFO queue */
  async sendMessage(
    queueArn: string,
    rule: ServicePrincipal,
    body: string,
    attributes?: Readonly<Record<string, string>>,
  ): Promise<void> {
    const { account, name } = parseArn(queueArn);
    if (name.endsWith(".fifo"))
      throw new UnsupportedRuleError(`Rule ${rule.sourceArn ?? ""}`, `a FIFO queue, ${queueArn}`);
    const QueueUrl = `${this.#options.endpoint}/${account}/${name}`;
    const command = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["KmsMasterKeyId"] });
    const { Attributes } = await this.#sqs.send(command);
    // Its policy lets no other service in: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    if (Attributes?.KmsMasterKeyId === "alias/aws/sqs") {
      throw new TargetError("NO_PERMISSIONS", false, `The queue ${queueArn} is encrypted by alias/aws/sqs`);
    }
    await this.#options.iam.authorize({ principal: rule, action: "sqs:SendMessage", resource: queueArn });
    const MessageAttributes = attributes && messageAttributes(attributes);
    await this.#sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: body, MessageAttributes }));
  }

  close(): void {
    this.#sqs.destroy();
    this.#lambda.destroy();
  }

  async #invoke(functionArn: string, rule: ServicePrincipal, event: Json): Promise<void> {
    await this.#lambda.send(new GetFunctionCommand({ FunctionName: functionArn }));
    await this.#options.iam.authorize({ principal: rule, action: "lambda:InvokeFunction", resource: functionArn });
    this.#options.asyncInvoke(functionArn, event);
  }

  /** Since 2023, AWS wants a role for it: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html */
  async #putEvent(target: Target, rule: ServicePrincipal, event: JsonObject): Promise<void> {
    const { Arn: arn = "" } = target;
    const { roleArn } = await this.#assumeRole(target, rule, "put events");
    await this.#options.iam.authorize({ principal: { roleArn }, action: "events:PutEvents", resource: arn });
    const { account, name } = parseArn(arn);
    this.#options.forward(account, name.replace("event-bus/", ""), event);
  }

  async #assumeRole({ Arn: arn = "", RoleArn: roleArn }: Target, rule: ServicePrincipal, what: string) {
    if (roleArn === undefined) throw new UnsupportedRuleError(`Target ${arn}`, `no role to ${what} with`);
    const credentials = await this.#options.iam.assumeRole(roleArn, rule).catch((cause: unknown) => {
      throw cause instanceof AccessDeniedError
        ? new TargetError("FAILED_TO_ASSUME_ROLE", false, cause.message, { cause })
        : cause;
    });
    return { roleArn, credentials };
  }

  async #startBuild(target: Target, rule: ServicePrincipal, text: string): Promise<void> {
    const { Arn: arn = "" } = target;
    const { iam, region, codebuild, onProblem } = this.#options;
    const { roleArn, credentials } = await this.#assumeRole(target, rule, "start builds");
    await iam.authorize({ principal: { roleArn }, action: "codebuild:StartBuild", resource: arn });
    const { input, ignored } = startBuildInput(parseArn(arn).name.replace("project/", ""), JSON.parse(text) as Json);
    if (ignored.length > 0) onProblem(new IgnoredInputError(arn, ignored));
    const client = new CodeBuildClient({ endpoint: codebuild, region, credentials, maxAttempts: 1 });
    try {
      await client.send(new StartBuildCommand(input));
    } finally {
      client.destroy();
    }
  }
}

/** What a target may also have, and what would change how it gets its input. */
function extras({ SqsParameters, HttpParameters, RunCommandParameters, EcsParameters }: Target): string[] {
  const given = Object.entries({ SqsParameters, HttpParameters, RunCommandParameters, EcsParameters });
  return given.filter(([, value]) => value !== undefined).map(([name]) => name);
}

function messageAttributes(attributes: Readonly<Record<string, string>>): Record<string, MessageAttributeValue> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [name, { DataType: "String", StringValue: value }]),
  );
}
