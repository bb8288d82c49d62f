import { GetQueueAttributesCommand, QueueDoesNotExist, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";

import type { Iam, Principal } from "../iam";
import { clientSettings } from "../lambda/invoke";
import { parseArn } from "./arn";
import { RefusedDeliveryError } from "./errors";
import { authorize, refuseManagedKey } from "./refusal";

export interface QueuesOptions {
  /** Where every AWS API is served, such as moto's URL. */
  readonly endpoint: string;
  readonly region: string;
  readonly iam: Pick<Iam, "authorize">;
}

/** Sends as others: a service or a role, where the queue's policy and theirs allow it. */
export class Queues {
  readonly #options: QueuesOptions;
  readonly #sqs: SQSClient;

  constructor(options: QueuesOptions) {
    this.#options = options;
    this.#sqs = new SQSClient(clientSettings(options));
  }

  /** Rejects with a RefusedDeliveryError where the queue takes nothing from this sender. */
  async send(queueArn: string, body: string, principal: Principal): Promise<void> {
    await this.check(queueArn, principal);
    await this.put(queueArn, body);
  }

  /** What `send` does first. */
  async check(queueArn: string, principal: Principal): Promise<void> {
    if (queueArn.endsWith(".fifo")) throw new RefusedDeliveryError(`The destination ${queueArn} is a FIFO queue`);
    const { Attributes } = await this.#sqs
      .send(new GetQueueAttributesCommand({ QueueUrl: this.#url(queueArn), AttributeNames: ["KmsMasterKeyId"] }))
      .catch((cause: unknown) => {
        if (cause instanceof QueueDoesNotExist) throw new RefusedDeliveryError("The destination queue does not exist");
        throw cause;
      });
    if ("service" in principal) refuseManagedKey(Attributes?.KmsMasterKeyId, "alias/aws/sqs");
    await authorize(this.#options.iam, principal, "sqs:SendMessage", queueArn);
  }

  /** What `send` does after its check. */
  async put(queueArn: string, body: string): Promise<void> {
    await this.#sqs.send(new SendMessageCommand({ QueueUrl: this.#url(queueArn), MessageBody: body }));
  }

  close(): void {
    this.#sqs.destroy();
  }

  #url(queueArn: string): string {
    const { account, name } = parseArn(queueArn);
    return `${this.#options.endpoint}/${account}/${name}`;
  }
}
