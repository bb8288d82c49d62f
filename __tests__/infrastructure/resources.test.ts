import { S3Bucket } from "@cdktf/provider-aws/lib/s3-bucket";
import { SqsQueue } from "@cdktf/provider-aws/lib/sqs-queue";
import { Cloudtrail } from "@cdktf/provider-aws/lib/cloudtrail";
import { TerraformDataSource, type TerraformElement, TerraformResource, TerraformStack, Testing } from "cdktf";
import { ResourceNotFoundError } from "../../infrastructure/errors";
import { Pipeline } from "../../infrastructure/pipeline";
import type { ResourceType } from "../../infrastructure/resources";
import { pipelineInput, TRIGGER_NAMES, TRIGGERS } from "../support/synthesis";
import { thrownBy } from "../support/thrown";

function pipelineOf(trigger: (typeof TRIGGER_NAMES)[number]): Pipeline {
  const stack = new TerraformStack(Testing.app(), "estate");
  return new Pipeline(stack, "images", pipelineInput({ trigger: TRIGGERS[trigger], services: ["api", "web"] }));
}

test.each(TRIGGER_NAMES)(
  "every resource of a pipeline with the trigger %s is reached by its class and path, and overridden",
  (name) => {
    const pipeline = pipelineOf(name);
    const resources = pipeline.node
      .findAll()
      .filter(
        (child) => TerraformResource.isTerraformResource(child) || TerraformDataSource.isTerraformDataSource(child),
      );
    expect(resources.length).toBeGreaterThan(20);
    for (const resource of resources) {
      const path = resource.node.path.replace("estate/images/", "");
      const found = pipeline.resource(resource.constructor as unknown as ResourceType<TerraformElement>, path);
      expect(found).toBe(resource);
      found.addOverride("overridden", path);
    }
    const text = JSON.stringify(TerraformStack.of(pipeline).toTerraform());
    expect(text.match(/"overridden":/g)).toHaveLength(resources.length);
  },
);

describe("what does not name one resource is refused", () => {
  const pipeline = pipelineOf("queue");

  test.each([
    [
      "an unknown path",
      () => pipeline.resource(SqsQueue, "queues"),
      'expected one aws_sqs_queue whose path ends in "queues", found none; end the path in one of: trigger/dead-letters, trigger/queue',
    ],
    [
      "half of an id",
      () => pipeline.resource(SqsQueue, "ueue"),
      'expected one aws_sqs_queue whose path ends in "ueue", found none; end the path in one of: trigger/dead-letters, trigger/queue',
    ],
    [
      "no path where there are several",
      () => pipeline.resource(S3Bucket),
      'expected one aws_s3_bucket whose path ends in "", found 2 (bucket/private/bucket, tools/private/bucket); end the path in one of: bucket/private/bucket, tools/private/bucket',
    ],
    [
      "a type that this pipeline has not",
      () => pipeline.resource(Cloudtrail),
      'expected one aws_cloudtrail whose path ends in "", found none; this pipeline makes nothing of that type',
    ],
  ])("%s", (_what, find, message) => {
    const error = thrownBy(find);
    expect(error).toBeInstanceOf(ResourceNotFoundError);
    expect((error as Error).message).toBe(message);
  });
});
