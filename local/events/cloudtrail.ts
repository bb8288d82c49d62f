import {
  CloudTrailClient,
  DescribeTrailsCommand,
  GetEventSelectorsCommand,
  GetTrailStatusCommand,
  type Trail,
} from "@aws-sdk/client-cloudtrail";

import { AccessDeniedError, type Iam, type ServicePrincipal } from "../iam";
import { clientSettings } from "../lambda/invoke";
import type { CallFact } from "../moto/facts";
import { bucketArn, cloudTrailEvent, objectArn } from "./cloudtrail-event";
import { TrailBucketError } from "./errors";
import type { OnBusEvent } from "./events";
import type { EventBus } from "./index";
import { records, type DataCall } from "./selectors";

export interface CloudTrailOptions {
  /** Where every AWS API is served, such as moto's URL. */
  readonly endpoint: string;
  readonly region: string;
  readonly accountId: string;
  readonly iam: Pick<Iam, "authorize">;
  readonly bus: Pick<EventBus, "put">;
  readonly onEvent?: OnBusEvent;
}

export interface CloudTrail {
  /** Takes a call of S3. Returns at once; the call is an event where a trail records it. */
  record(fact: CallFact): void;
  close(): Promise<void>;
}

/**
 * Does what CloudTrail does with the calls of S3's objects: those that an applied trail records become events at once, one for each call
 * however many trails record it. Trails and their selectors are read back through the API for each call.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
 */
export function startCloudTrail(options: CloudTrailOptions): Promise<CloudTrail> {
  return Promise.resolve(new Trails(options));
}

class Trails implements CloudTrail {
  readonly #options: CloudTrailOptions;
  readonly #clients = new Map<string, CloudTrailClient>();
  readonly #work = new Set<Promise<void>>();

  constructor(options: CloudTrailOptions) {
    this.#options = options;
  }

  record(fact: CallFact): void {
    const work = this.#follow(fact)
      .catch((error: unknown) => {
        this.#problem(error);
      })
      .finally(() => this.#work.delete(work));
    this.#work.add(work);
  }

  async close(): Promise<void> {
    await Promise.all(this.#work);
    for (const client of this.#clients.values()) client.destroy();
  }

  async #follow(fact: CallFact): Promise<void> {
    const { region, bus, onEvent } = this.#options;
    const call = { eventName: fact.eventName, objectArn: objectArn(fact), readOnly: false };
    const { trailList = [] } = await this.#clientOf(region).send(new DescribeTrailsCommand({}));
    for (const trail of trailList) {
      if (!(await this.#recordsIt(trail, call))) continue;
      const event = cloudTrailEvent(fact);
      onEvent?.({ type: "recorded", eventId: event.id, call: fact.eventName, trailArn: trail.TrailARN ?? "" });
      bus.put(event);
      return;
    }
  }

  /** One broken trail does not stop the others. */
  async #recordsIt(trail: Trail, call: DataCall): Promise<boolean> {
    try {
      return await this.#records(trail, call);
    } catch (error) {
      this.#problem(error);
      return false;
    }
  }

  async #records(trail: Trail, call: DataCall): Promise<boolean> {
    // A trail of several regions is asked for where it lives.
    const client = this.#clientOf(trail.HomeRegion ?? this.#options.region);
    const status = await client.send(new GetTrailStatusCommand({ Name: trail.TrailARN }));
    if (status.IsLogging !== true) return false;
    const selectors = await client.send(new GetEventSelectorsCommand({ TrailName: trail.TrailARN }));
    if (!records(selectors, call)) return false;
    await this.#checkBucket(trail);
    return true;
  }

  /**
   * AWS looks at the bucket's policy when a trail is made.
   * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html
   */
  async #checkBucket({
    TrailARN: trailArn = "",
    S3BucketName: bucket = "",
    S3KeyPrefix: prefix,
  }: Trail): Promise<void> {
    const { iam, region, accountId } = this.#options;
    const principal: ServicePrincipal = {
      service: "cloudtrail.amazonaws.com",
      sourceArn: trailArn,
      sourceAccount: accountId,
    };
    const resource = bucketArn(region, bucket);
    const logs = [prefix, "AWSLogs", accountId, "CloudTrail", region].filter(Boolean).join("/");
    try {
      await iam.authorize({ principal, action: "s3:GetBucketAcl", resource });
      await iam.authorize({
        principal,
        action: "s3:PutObject",
        resource: `${resource}/${logs}/log.json.gz`,
        context: { "s3:x-amz-acl": "bucket-owner-full-control" },
      });
    } catch (error) {
      throw error instanceof AccessDeniedError ? new TrailBucketError(trailArn, bucket, error) : error;
    }
  }

  #clientOf(region: string): CloudTrailClient {
    const client = this.#clients.get(region) ?? new CloudTrailClient(clientSettings({ ...this.#options, region }));
    this.#clients.set(region, client);
    return client;
  }

  #problem(error: unknown): void {
    this.#options.onEvent?.({ type: "problem", error: error instanceof Error ? error : new Error(String(error)) });
  }
}
