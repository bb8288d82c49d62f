import {
  GetSubscriptionAttributesCommand,
  GetTopicAttributesCommand,
  NotFoundException,
  paginateListSubscriptionsByTopic,
  SNSClient,
  type Subscription,
} from "@aws-sdk/client-sns";

import type { Iam, Principal } from "../iam";
import { clientSettings } from "../lambda/invoke";
import { parseArn } from "./arn";
import type { AsyncInvoker } from "./async-invoker";
import { RefusedDeliveryError, UnsupportedSubscriptionError } from "./errors";
import { problem, type OnDeliveryEvent } from "./events";
import type { Queues } from "./queues";
import { authorize, refusal, refuseManagedKey } from "./refusal";
import { envelope, lambdaEvent, type TopicMessage } from "./sns-message";

export interface TopicsOptions {
  readonly endpoint: string;
  readonly region: string;
  readonly iam: Pick<Iam, "authorize">;
  readonly queues: Queues;
  readonly asyncInvoker: AsyncInvoker;
  readonly onEvent: OnDeliveryEvent;
}

/** Does what SNS does with a message: a copy for each subscription, read back for each message. */
export class Topics {
  readonly #options: TopicsOptions;
  readonly #sns: SNSClient;

  constructor(options: TopicsOptions) {
    this.#options = options;
    this.#sns = new SNSClient(clientSettings(options));
  }

  /** Rejects with a RefusedDeliveryError where the topic takes nothing from this service. */
  async check(topicArn: string, principal: Principal): Promise<void> {
    const { Attributes } = await this.#sns
      .send(new GetTopicAttributesCommand({ TopicArn: topicArn }))
      .catch((cause: unknown) => {
        if (cause instanceof NotFoundException) throw new RefusedDeliveryError("The destination topic does not exist");
        throw cause;
      });
    refuseManagedKey(Attributes?.KmsMasterKeyId, "alias/aws/sns");
    await authorize(this.#options.iam, principal, "sns:Publish", topicArn);
  }

  /** Sends a message that the topic has accepted to its subscriptions. Does not reject for one that takes nothing. */
  async fanOut(message: TopicMessage): Promise<void> {
    const copies: Promise<void>[] = [];
    const list = { TopicArn: message.topicArn };
    for await (const { Subscriptions = [] } of paginateListSubscriptionsByTopic({ client: this.#sns }, list)) {
      copies.push(...Subscriptions.map((subscription) => this.#copy(message, subscription)));
    }
    await Promise.all(copies);
  }

  close(): void {
    this.#sns.destroy();
  }

  async #copy(message: TopicMessage, { SubscriptionArn = "", Endpoint = "", Protocol }: Subscription): Promise<void> {
    // Until it is confirmed, a subscription has no ARN.
    if (parseArn(SubscriptionArn).service !== "sns") return;
    const { onEvent, queues } = this.#options;
    const common = { source: message.topicArn, subject: message.about ?? `message ${message.messageId}` };
    try {
      const { Attributes = {} } = await this.#sns.send(new GetSubscriptionAttributesCommand({ SubscriptionArn }));
      const found = unsupported(Protocol, Attributes);
      if (found !== undefined) throw new UnsupportedSubscriptionError(SubscriptionArn, found);
      const principal = snsPrincipal(message.topicArn);
      const body = Attributes.RawMessageDelivery === "true" ? message.message : envelope(message, SubscriptionArn);
      const reason = await refusal(
        Protocol === "sqs"
          ? queues.send(Endpoint, body, principal)
          : this.#invoke(Endpoint, lambdaEvent(message, SubscriptionArn), principal),
      );
      if (reason === undefined) {
        onEvent({ type: "delivered", ...common, destination: Endpoint });
        return;
      }
      // What an endpoint refuses is not tried again: https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
      const destination = deadLetterQueue(Attributes.RedrivePolicy);
      if (destination === undefined) {
        onEvent({ type: "refused", ...common, destination: Endpoint, reason });
        return;
      }
      const refused = await refusal(queues.send(destination, body, principal));
      if (refused === undefined) onEvent({ type: "dead-lettered", ...common, destination, reason });
      else onEvent({ type: "refused", ...common, destination, reason: refused });
    } catch (error) {
      onEvent(problem(error));
    }
  }

  async #invoke(functionArn: string, event: object, principal: Principal): Promise<void> {
    await authorize(this.#options.iam, principal, "lambda:InvokeFunction", functionArn);
    this.#options.asyncInvoker.enqueue(functionArn, event);
  }
}

function snsPrincipal(topicArn: string): Principal {
  return { service: "sns.amazonaws.com", sourceArn: topicArn, sourceAccount: parseArn(topicArn).account };
}

function unsupported(protocol: string | undefined, attributes: Readonly<Record<string, string>>): string | undefined {
  if (protocol !== "sqs" && protocol !== "lambda") return `the protocol ${protocol ?? "of no name"}`;
  const filter = attributes.FilterPolicy ?? "";
  return filter === "" || filter === "{}" ? undefined : `the filter policy ${filter}`;
}

function deadLetterQueue(redrivePolicy: string | undefined): string | undefined {
  if (redrivePolicy === undefined || redrivePolicy === "") return undefined;
  return (JSON.parse(redrivePolicy) as { deadLetterTargetArn?: string }).deadLetterTargetArn;
}
