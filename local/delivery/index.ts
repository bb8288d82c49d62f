import { randomUUID } from "node:crypto";

import {
  GetBucketNotificationConfigurationCommand,
  S3Client,
  S3ServiceException,
  type NotificationConfiguration,
} from "@aws-sdk/client-s3";

import type { Principal } from "../iam";
import { clientSettings } from "../lambda/invoke";
import type { CallFact, Fact, NotificationDestinations, ObjectFact, RefusedDestination } from "../moto/facts";
import { parseArn } from "./arn";
import { AsyncInvoker, type AsyncInvokerOptions } from "./async-invoker";
import { problem, type OnDeliveryEvent } from "./events";
import { Queues } from "./queues";
import { authorize, refusal } from "./refusal";
import { eventBridgeEvent, notifications, testEvent, type EventBridgeEvent, type Notification } from "./s3-event";
import { Topics } from "./topics";

export { AsyncInvoker, type Invoke } from "./async-invoker";
export type { DeliveryEvent } from "./events";

export interface DeliveryOptions extends AsyncInvokerOptions {
  /** Gets what buckets report to EventBridge, and is not waited for. @default - nothing is reported there */
  readonly bus?: { put(event: EventBridgeEvent): void };
  /** Gets each call that writes, as CloudTrail records it. @default - nobody is told */
  readonly onCall?: (fact: CallFact) => void;
  /** Deliver the event of each multipart upload twice: "at least once" put to the test. @default false */
  readonly duplicateMultipart?: boolean;
}

export interface Delivery {
  /** Takes what happened in moto. Returns at once; the events of one bucket are delivered in the order of their facts. */
  onFact(fact: Fact): void;
  /** The destinations that S3 may not send to. Where there are none, queues and topics get S3's test event. */
  onNotificationDestinations(asked: NotificationDestinations): Promise<readonly RefusedDestination[]>;
  /** Ends what is being delivered, and forgets the invocations that wait. */
  close(): Promise<void>;
}

/**
 * Does what S3, SNS and Lambda do with events between an upload and the queue or function that it is reported to: as the
 * service that sends, checked against the policies of the destination. Configurations, subscriptions and policies are read
 * back through the API for each event, so a change takes effect on the next one.
 */
export function startDelivery(options: DeliveryOptions): Promise<Delivery> {
  return Promise.resolve(new Deliverer(options));
}

class Deliverer implements Delivery {
  readonly #options: DeliveryOptions;
  readonly #onEvent: OnDeliveryEvent;
  readonly #s3: S3Client;
  readonly #queues: Queues;
  readonly #asyncInvoker: AsyncInvoker;
  readonly #topics: Topics;
  /** The end of what is being delivered, by bucket or topic. */
  readonly #queued = new Map<string, Promise<void>>();
  #closed = false;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#onEvent = options.onEvent ?? (() => undefined);
    this.#s3 = new S3Client({ ...clientSettings(options), forcePathStyle: true });
    this.#queues = new Queues(options);
    this.#asyncInvoker = new AsyncInvoker(options);
    this.#topics = new Topics({
      ...options,
      queues: this.#queues,
      asyncInvoker: this.#asyncInvoker,
      onEvent: this.#onEvent,
    });
  }

  onFact(fact: Fact): void {
    if (this.#closed) return;
    switch (fact.fact) {
      case "object":
        this.#inOrder(fact.bucket, () => this.#report(fact));
        return;
      case "publish":
        this.#inOrder(fact.topicArn, () => this.#topics.fanOut({ ...fact, time: new Date() }));
        return;
      case "call":
        this.#options.onCall?.(fact);
    }
  }

  async onNotificationDestinations(asked: NotificationDestinations): Promise<readonly RefusedDestination[]> {
    try {
      return await this.#validate(asked);
    } catch (error) {
      this.#onEvent(problem(error));
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    // What a bucket reports may go on from a topic.
    while (this.#queued.size > 0) await Promise.all(this.#queued.values());
    await this.#asyncInvoker.close();
    this.#topics.close();
    this.#queues.close();
    this.#s3.destroy();
  }

  async #validate(asked: NotificationDestinations): Promise<readonly RefusedDestination[]> {
    const principal = s3Principal(asked.bucketArn, asked.account);
    const answers = await Promise.all(
      asked.destinations.map(async (destination) => {
        const reason = await refusal(this.#check(destination, principal));
        if (reason === undefined) return [];
        this.#onEvent({ type: "refused", source: asked.bucketArn, destination, subject: TEST_EVENT, reason });
        return [{ destination, reason }];
      }),
    );
    const refused = answers.flat();
    if (refused.length > 0) return refused;
    const tested = asked.destinations.filter((destination) => parseArn(destination).service !== "lambda");
    await Promise.all(tested.map((destination) => this.#put(destination, testEvent(asked.bucket), TEST_EVENT)));
    return [];
  }

  #inOrder(place: string, work: () => Promise<void>): void {
    const done = (this.#queued.get(place) ?? Promise.resolve())
      .then(work)
      .catch((error: unknown) => {
        this.#onEvent(problem(error));
      })
      .finally(() => {
        if (this.#queued.get(place) === done) this.#queued.delete(place);
      });
    this.#queued.set(place, done);
  }

  async #report(fact: ObjectFact): Promise<void> {
    const configuration = await this.#configuration(fact.bucket);
    const event = configuration.EventBridgeConfiguration && eventBridgeEvent(fact);
    const twice = this.#options.duplicateMultipart === true && fact.eventName === MULTIPART_UPLOAD;
    for (let copies = twice ? 2 : 1; copies > 0; copies--) {
      if (event !== undefined) this.#options.bus?.put(event);
      await Promise.all(notifications(fact, configuration).map((notification) => this.#notify(fact, notification)));
    }
  }

  async #configuration(bucket: string): Promise<NotificationConfiguration> {
    return this.#s3.send(new GetBucketNotificationConfigurationCommand({ Bucket: bucket })).catch((error: unknown) => {
      // Emptied, and deleted before its last deletion was reported.
      if (error instanceof S3ServiceException && error.name === "NoSuchBucket") return {};
      throw error;
    });
  }

  /** What the destination refuses is lost: S3 tells nobody. */
  async #notify(fact: ObjectFact, { destination, body }: Notification): Promise<void> {
    const source = fact.record.s3.bucket.arn;
    const common = { source, destination, subject: `${fact.eventName} ${fact.key}` };
    try {
      const reason = await refusal(this.#check(destination, s3Principal(source, fact.account)));
      if (reason !== undefined) {
        this.#onEvent({ type: "refused", ...common, reason });
        return;
      }
      await this.#put(destination, body, common.subject);
      this.#onEvent({ type: "delivered", ...common });
    } catch (error) {
      this.#onEvent(problem(error));
    }
  }

  async #check(destination: string, principal: Principal): Promise<void> {
    switch (parseArn(destination).service) {
      case "sqs":
        return this.#queues.check(destination, principal);
      case "sns":
        return this.#topics.check(destination, principal);
      default:
        return authorize(this.#options.iam, principal, "lambda:InvokeFunction", destination);
    }
  }

  /** A topic has taken it before its subscriptions get it, one message after the other. */
  async #put(destination: string, body: object, subject: string): Promise<void> {
    switch (parseArn(destination).service) {
      case "sqs":
        return this.#queues.put(destination, JSON.stringify(body));
      case "sns":
        this.#inOrder(destination, () =>
          this.#topics.fanOut({
            topicArn: destination,
            messageId: randomUUID(),
            about: subject,
            subject: "Amazon S3 Notification",
            message: JSON.stringify(body),
            time: new Date(),
          }),
        );
        return;
      default:
        this.#asyncInvoker.enqueue(destination, body);
    }
  }
}

const TEST_EVENT = "s3:TestEvent";
const MULTIPART_UPLOAD = "ObjectCreated:CompleteMultipartUpload";

/** S3's service principal has this name in every partition. */
function s3Principal(bucketArn: string, account: string): Principal {
  return { service: "s3.amazonaws.com", sourceArn: bucketArn, sourceAccount: account };
}
