// npm pack && cd examples/library && npm install && npx cdktf synth
//
// A CDKTF app that is there already, with a stack for what its team runs: the pipeline becomes a part of that stack, and what stands
// around it refers to it: alarms that call somebody, and the image's place for those who deploy it.
import { ArchiveProvider } from "@cdktf/provider-archive/lib/provider";
import { CloudwatchMetricAlarm } from "@cdktf/provider-aws/lib/cloudwatch-metric-alarm";
import { LambdaFunction } from "@cdktf/provider-aws/lib/lambda-function";
import { AwsProvider } from "@cdktf/provider-aws/lib/provider";
import { SqsQueue } from "@cdktf/provider-aws/lib/sqs-queue";
import { App, S3Backend, TerraformOutput, TerraformStack } from "cdktf";
import type { Construct } from "constructs";
import { Pipeline } from "s3-codebuild-trigger";

/** The company's topic for what somebody has to look at now; it is made elsewhere. */
const ON_CALL = "arn:aws:sns:us-east-1:111122223333:on-call";

class Estate extends TerraformStack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    // Region, tags and state are the stack's, so the pipeline says nothing about them.
    new AwsProvider(this, "aws", { region: "us-east-1", defaultTags: [{ tags: { team: "platform" } }] });
    // Zips the pipeline's programs; not with packaging: "prebuilt".
    new ArchiveProvider(this, "archive");
    const backend = new S3Backend(this, {
      bucket: "example-terraform-state",
      key: "estate.tfstate",
      region: "us-east-1",
    });
    backend.addOverride("use_lockfile", true);

    const pipeline = new Pipeline(this, "images", {
      name: "estate-images",
      bucket: "example-estate-drops",
      repositories: { prefix: "estate/" },
      services: ["api", { name: "web", movingTags: ["staging", "canary"] }],
    });
    // What no option says.
    pipeline.resource(LambdaFunction).addOverride("memory_size", 512);

    this.#callSomebody(pipeline);
    // Of what docs/outputs.md lists, what others of this company read.
    new TerraformOutput(this, "repository_urls", { value: pipeline.outputs.repository_urls?.value });
  }

  /** A drop that was given up, and a build that failed, are the two ways in which an image does not arrive. */
  #callSomebody(pipeline: Pipeline): void {
    const rule = {
      comparisonOperator: "GreaterThanThreshold",
      evaluationPeriods: 1,
      period: 60,
      threshold: 0,
      treatMissingData: "notBreaching",
      alarmActions: [ON_CALL],
    };
    new CloudwatchMetricAlarm(this, "given-up", {
      ...rule,
      alarmName: "estate-images-given-up",
      namespace: "AWS/SQS",
      metricName: "ApproximateNumberOfMessagesVisible",
      statistic: "Maximum",
      dimensions: { QueueName: pipeline.resource(SqsQueue, "dead-letters").name },
    });
    for (const [name, { project }] of pipeline.services) {
      new CloudwatchMetricAlarm(this, `failed-${name}`, {
        ...rule,
        alarmName: `estate-images-failed-${name}`,
        namespace: "AWS/CodeBuild",
        metricName: "FailedBuilds",
        statistic: "Sum",
        dimensions: { ProjectName: project.name },
      });
    }
  }
}

const app = new App({ stackTraces: false }); // or the JSON holds paths of this machine
new Estate(app, "estate");
app.synth();
