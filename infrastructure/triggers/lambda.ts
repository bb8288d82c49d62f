import { LambdaFunctionEventInvokeConfig } from "@cdktf/provider-aws/lib/lambda-function-event-invoke-config";
import { LambdaPermission } from "@cdktf/provider-aws/lib/lambda-permission";
import { Construct } from "constructs";
import { names } from "../../config/names";
import { mayUseKeys } from "../../config/policies/keys";
import type { BucketNotification } from "../notifications";
import { StartBuildFunction } from "../start-build-function";
import { deadLetterQueue } from "./dead-letters";
import type { Trigger, TriggerOutputs, TriggerProps } from "./trigger";

/**
 * What Lambda does at most with an event that the function failed at: two more tries, after one and two minutes. Where the function is
 * throttled, it goes on for 6 hours. https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
 */
const MAXIMUM_RETRY_ATTEMPTS = 2;
const MAXIMUM_EVENT_AGE_SECONDS = 6 * 60 * 60;

/** S3 -> Lambda -> CodeBuild. */
export class LambdaTrigger extends Construct implements Trigger {
  readonly notification: BucketNotification;
  readonly outputs: TriggerOutputs;

  constructor(scope: Construct, id: string, props: TriggerProps) {
    super(scope, id);
    const { config, surroundings } = props;
    const deadLetters = deadLetterQueue(this, props);
    const failuresArn = surroundings.arn("sqs", names(config.name).deadLetterQueue);
    const startBuild = new StartBuildFunction(this, "start-build", {
      config,
      surroundings,
      permissions: [
        { Sid: "KeepFailures", Effect: "Allow", Action: "sqs:SendMessage", Resource: failuresArn },
        ...mayUseKeys("EncryptFailures", ["kms:Decrypt", "kms:GenerateDataKey"], [config.encryption.kmsKey]),
      ],
    });
    const { functionName, arn } = startBuild.function;
    const retries = new LambdaFunctionEventInvokeConfig(this, "retries", {
      functionName,
      maximumRetryAttempts: MAXIMUM_RETRY_ATTEMPTS,
      maximumEventAgeInSeconds: MAXIMUM_EVENT_AGE_SECONDS,
      destinationConfig: { onFailure: { destination: deadLetters.arn } },
      // Lambda checks that the role may send when the destination is set.
      dependsOn: [...startBuild.permissions],
    });
    const permission = new LambdaPermission(this, "permission", {
      statementId: "ReportFromBucket",
      functionName,
      action: "lambda:InvokeFunction",
      principal: surroundings.principal("s3"),
      sourceArn: surroundings.bucketArn(config.bucket.name),
      // A bucket's ARN names no account, and a deleted bucket's name is free for everyone to take.
      sourceAccount: config.bucket.account ?? surroundings.account,
    });
    // S3 checks that it may invoke when the notification is made, and no event may come before there is a place for failures.
    this.notification = { kind: "function", arn, dependsOn: [permission, retries] };
    this.outputs = {
      dead_letter_queue_url: { value: deadLetters.url },
      function_name: { value: functionName },
    };
  }

  addService(): void {
    // One function starts the builds of all services.
  }
}
