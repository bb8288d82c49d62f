import type { GetEventSelectorsResponse, Trail } from "@aws-sdk/client-cloudtrail";

import type { EventBridgeEvent } from "../../local/delivery/s3-event";
import { startCloudTrail, type BusEvent, type CloudTrail } from "../../local/events";
import { cloudTrailEvent } from "../../local/events/cloudtrail-event";
import { records } from "../../local/events/selectors";
import type { CallFact } from "../../local/moto/facts";
import { until } from "../support/until";
import { denial, FakeIam } from "../support/fake-iam";
import { ACCOUNT, FakeApis, REGION } from "./events-support";

const FACT: CallFact = {
  fact: "call",
  account: ACCOUNT,
  region: REGION,
  bucket: "drops",
  eventName: "PutObject",
  time: "2026-01-02T03:04:05.999Z",
  requestId: "C3D13FE58DE4C810",
  key: "in/a b.zip",
  versionId: "v1",
};
const TEXT = expect.any(String) as string;

describe("a call of S3 as an event", () => {
  /** https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-understanding-s3-entries.html */
  test("has the fields that CloudTrail writes", () => {
    expect(cloudTrailEvent(FACT)).toEqual({
      version: "0",
      id: TEXT,
      "detail-type": "AWS API Call via CloudTrail",
      source: "aws.s3",
      account: ACCOUNT,
      time: "2026-01-02T03:04:05Z",
      region: REGION,
      resources: [],
      detail: {
        eventVersion: "1.11",
        userIdentity: {
          type: "IAMUser",
          principalId: "AIDACKCEVSQ6C2EXAMPLE",
          arn: `arn:aws:iam::${ACCOUNT}:user/sender`,
          accountId: ACCOUNT,
          accessKeyId: "AKIAIOSFODNN7EXAMPLE",
          userName: "sender",
        },
        eventTime: "2026-01-02T03:04:05Z",
        eventSource: "s3.amazonaws.com",
        eventName: "PutObject",
        awsRegion: REGION,
        sourceIPAddress: "127.0.0.1",
        userAgent: "[aws-sdk-js/3.0.0]",
        requestParameters: {
          bucketName: "drops",
          Host: `drops.s3.${REGION}.amazonaws.com`,
          key: "in/a b.zip",
          "x-id": "PutObject",
        },
        responseElements: { "x-amz-server-side-encryption": "AES256", "x-amz-version-id": "v1" },
        additionalEventData: {
          SignatureVersion: "SigV4",
          CipherSuite: "TLS_AES_128_GCM_SHA256",
          bytesTransferredIn: 0,
          AuthenticationMethod: "AuthHeader",
          "x-amz-id-2": TEXT,
          bytesTransferredOut: 0,
        },
        requestID: "C3D13FE58DE4C810",
        eventID: TEXT,
        readOnly: false,
        resources: [
          { type: "AWS::S3::Object", ARN: "arn:aws:s3:::drops/in/a b.zip" },
          { accountId: ACCOUNT, type: "AWS::S3::Bucket", ARN: "arn:aws:s3:::drops" },
        ],
        eventType: "AwsApiCall",
        managementEvent: false,
        recipientAccountId: ACCOUNT,
        eventCategory: "Data",
        tlsDetails: {
          tlsVersion: "TLSv1.3",
          cipherSuite: "TLS_AES_128_GCM_SHA256",
          clientProvidedHostHeader: `drops.s3.${REGION}.amazonaws.com`,
        },
      },
    });
  });

  test("has ids of its own each time", () => {
    const [one, other] = [cloudTrailEvent(FACT), cloudTrailEvent(FACT)];

    expect(new Set([one.id, other.id, one.detail.eventID, other.detail.eventID]).size).toBe(4);
  });

  const encrypted = { "x-amz-server-side-encryption": "AES256" };
  test.each<[Partial<CallFact>, object, object | null]>([
    [{ eventName: "PutObject", versionId: undefined }, { "x-id": "PutObject" }, encrypted],
    [{ eventName: "CopyObject" }, { "x-id": "CopyObject" }, { ...encrypted, "x-amz-version-id": "v1" }],
    [{ eventName: "CreateMultipartUpload", uploadId: "u", versionId: undefined }, { uploads: "" }, encrypted],
    [
      { eventName: "CompleteMultipartUpload", uploadId: "u" },
      { uploadId: "u" },
      { ...encrypted, "x-amz-version-id": "v1" },
    ],
    [
      { eventName: "AbortMultipartUpload", uploadId: "u", versionId: undefined },
      { uploadId: "u", "x-id": "AbortMultipartUpload" },
      null,
    ],
    [{ eventName: "DeleteObject" }, { "x-id": "DeleteObject" }, { "x-amz-version-id": "v1" }],
    [{ eventName: "DeleteObject", versionId: undefined }, { "x-id": "DeleteObject" }, null],
    [{ eventName: "PutObject", errorCode: "AccessDenied" }, { "x-id": "PutObject" }, null],
  ])("says what was sent with %j and what came back", (changes, parameters, responseElements) => {
    const { detail } = cloudTrailEvent({ ...FACT, ...changes });

    expect(detail.requestParameters).toEqual({
      bucketName: "drops",
      Host: `drops.s3.${REGION}.amazonaws.com`,
      key: "in/a b.zip",
      ...parameters,
    });
    expect(detail.responseElements).toEqual(responseElements);
  });

  test("has an error only where the call failed", () => {
    const failed = cloudTrailEvent({ ...FACT, errorCode: "NoSuchUpload" }).detail;

    expect([failed.errorCode, failed.errorMessage]).toEqual(["NoSuchUpload", "NoSuchUpload"]);
    expect(Object.keys(cloudTrailEvent(FACT).detail).filter((name) => name.startsWith("error"))).toEqual([]);
  });

  test("has the ARNs and hosts of China there", () => {
    const { detail } = cloudTrailEvent({ ...FACT, region: "cn-north-1" });

    expect(detail).toMatchObject({
      eventSource: "s3.amazonaws.com",
      userIdentity: { arn: `arn:aws-cn:iam::${ACCOUNT}:user/sender` },
      requestParameters: { Host: "drops.s3.cn-north-1.amazonaws.com.cn" },
      resources: [{ ARN: "arn:aws-cn:s3:::drops/in/a b.zip" }, { ARN: "arn:aws-cn:s3:::drops" }],
    });
  });
});

describe("selectors", () => {
  const call = { eventName: "PutObject", objectArn: "arn:aws:s3:::drops/in/a.zip", readOnly: false };
  const basic = (Values: string[], ReadWriteType?: "All" | "ReadOnly" | "WriteOnly"): GetEventSelectorsResponse => ({
    EventSelectors: [{ ReadWriteType, DataResources: [{ Type: "AWS::S3::Object", Values }] }],
  });
  const OBJECTS = [
    { Field: "eventCategory", Equals: ["Data"] },
    { Field: "resources.type", Equals: ["AWS::S3::Object"] },
  ];
  const advanced = (
    ...more: { Field: string; [operator: string]: string | string[] }[]
  ): GetEventSelectorsResponse => ({
    AdvancedEventSelectors: [{ FieldSelectors: [...OBJECTS, ...more] }],
  });

  test.each<[GetEventSelectorsResponse, boolean]>([
    [{}, false],
    [{ EventSelectors: [{ ReadWriteType: "All", IncludeManagementEvents: true, DataResources: [] }] }, false],
    [basic(["arn:aws:s3"]), true],
    [basic(["arn:aws:s3:::"]), true],
    [basic(["arn:aws:s3:::drops/"], "All"), true],
    [basic(["arn:aws:s3:::other/", "arn:aws:s3:::drops/"], "WriteOnly"), true],
    [basic(["arn:aws:s3:::drops/in/"], "WriteOnly"), true],
    [basic(["arn:aws:s3:::drops/out/"]), false],
    [basic(["arn:aws:s3:::drop/"]), false],
    [basic(["arn:aws:s3:::drops/"], "ReadOnly"), false],
    [{ EventSelectors: [{ DataResources: [{ Type: "AWS::Lambda::Function", Values: ["arn:aws:s3"] }] }] }, false],
    [advanced(), true],
    [{ AdvancedEventSelectors: [{ FieldSelectors: [] }] }, false],
    [{ AdvancedEventSelectors: [{ FieldSelectors: [{ Field: "eventCategory", Equals: ["Management"] }] }] }, false],
    [
      {
        AdvancedEventSelectors: [
          {
            FieldSelectors: [
              { Field: "eventCategory", Equals: ["Data"] },
              { Field: "resources.type", Equals: ["AWS::DynamoDB::Table"] },
            ],
          },
          ...(advanced().AdvancedEventSelectors ?? []),
        ],
      },
      true,
    ],
    [advanced({ Field: "readOnly", Equals: ["false"] }), true],
    [advanced({ Field: "readOnly", Equals: ["true"] }), false],
    [advanced({ Field: "eventName", Equals: ["CopyObject", "PutObject"] }), true],
    [advanced({ Field: "eventName", Equals: ["CopyObject"] }), false],
    [advanced({ Field: "eventName", NotEquals: ["UploadPart"] }), true],
    [advanced({ Field: "eventName", NotEquals: ["UploadPart", "PutObject"] }), false],
    [advanced({ Field: "resources.ARN", StartsWith: ["arn:aws:s3:::drops/"] }), true],
    [advanced({ Field: "resources.ARN", StartsWith: ["arn:aws:s3:::other/"] }), false],
    [advanced({ Field: "resources.ARN", StartsWith: ["arn:aws:s3:::other/"], EndsWith: [".zip"] }), true],
    [advanced({ Field: "resources.ARN", EndsWith: [".tar"] }), false],
    [advanced({ Field: "resources.ARN", NotStartsWith: ["arn:aws:s3:::drops/in/"] }), false],
    [advanced({ Field: "resources.ARN", NotStartsWith: ["arn:aws:s3:::drops/out/"] }), true],
    [advanced({ Field: "resources.ARN", StartsWith: ["arn:aws:s3:::drops/"], NotEndsWith: [".zip"] }), false],
    [advanced({ Field: "resources.ARN", StartsWith: ["arn:aws:s3:::drops/"], NotEndsWith: [".tar"] }), true],
  ])("%j: %s", (selectors, expected) => {
    expect(records(selectors, call)).toBe(expected);
  });

  test("look at reads where they say so", () => {
    const read = { ...call, eventName: "GetObject", readOnly: true };

    expect(records(basic(["arn:aws:s3"], "ReadOnly"), read)).toBe(true);
    expect(records(basic(["arn:aws:s3"], "WriteOnly"), read)).toBe(false);
    expect(records(advanced({ Field: "readOnly", Equals: ["true"] }), read)).toBe(true);
  });

  test("of another field are refused", () => {
    expect(() => records(advanced({ Field: "userIdentity.arn", Equals: ["a"] }), call)).toThrow(
      "An event selector looks at userIdentity.arn; local/ knows eventCategory, resources.type, resources.ARN, eventName, readOnly: " +
        "its trail records nothing",
    );
  });
});

describe("trails", () => {
  const ALL: GetEventSelectorsResponse = {
    EventSelectors: [{ DataResources: [{ Type: "AWS::S3::Object", Values: ["arn:aws:s3"] }] }],
  };
  const trailArn = (name: string, region = REGION): string => `arn:aws:cloudtrail:${region}:${ACCOUNT}:trail/${name}`;

  let apis: FakeApis;
  let iam: FakeIam;
  let cloudTrail: CloudTrail;
  let put: EventBridgeEvent[];
  let events: BusEvent[];

  beforeAll(async () => {
    apis = await new FakeApis().start();
  });

  afterAll(async () => {
    await apis.close();
  });

  beforeEach(async () => {
    apis.trails.length = 0;
    apis.trailCalls.length = 0;
    apis.failures.clear();
    iam = new FakeIam();
    put = [];
    events = [];
    cloudTrail = await startCloudTrail({
      endpoint: apis.endpoint,
      region: REGION,
      accountId: ACCOUNT,
      iam,
      bus: { put: (event) => put.push(event) },
      onEvent: (event) => events.push(event),
    });
  });

  function apply(name: string, changes: Trail = {}, { logging = true, selectors = ALL } = {}): void {
    const trail = { Name: name, TrailARN: trailArn(name), HomeRegion: REGION, S3BucketName: "logs", ...changes };
    apis.trails.push({ trail, logging, selectors });
  }

  async function record(): Promise<void> {
    cloudTrail.record(FACT);
    await cloudTrail.close();
  }

  test("record a call, which is an event then, once however many record it", async () => {
    apply("one");
    apply("two");

    await record();

    expect(put).toMatchObject([{ source: "aws.s3", detail: { eventName: "PutObject" } }]);
    expect(events).toEqual([{ type: "recorded", eventId: put[0]?.id, call: "PutObject", trailArn: trailArn("one") }]);
  });

  test.each([
    ["there is none", () => undefined],
    [
      "it does not log",
      () => {
        apply("one", {}, { logging: false });
      },
    ],
    [
      "it records no data events",
      () => {
        apply("one", {}, { selectors: { EventSelectors: [{ ReadWriteType: "All", IncludeManagementEvents: true }] } });
      },
    ],
  ])("record nothing where %s", async (_name, prepare) => {
    prepare();

    await record();

    expect([put, events]).toEqual([[], []]);
  });

  test("of all regions are looked up where they live", async () => {
    apply("one", { TrailARN: trailArn("one", "us-east-1"), HomeRegion: "us-east-1" });

    await record();

    expect(apis.trailCalls).toEqual([
      `${REGION} DescribeTrails`,
      "us-east-1 GetTrailStatus",
      "us-east-1 GetEventSelectors",
    ]);
    expect(put).toHaveLength(1);
  });

  test("must be able to write to their bucket", async () => {
    apply("one", { S3KeyPrefix: "audit" });

    await record();

    const principal = { service: "cloudtrail.amazonaws.com", sourceArn: trailArn("one"), sourceAccount: ACCOUNT };
    expect(iam.asked).toEqual([
      { principal, action: "s3:GetBucketAcl", resource: "arn:aws:s3:::logs" },
      {
        principal,
        action: "s3:PutObject",
        resource: `arn:aws:s3:::logs/audit/AWSLogs/${ACCOUNT}/CloudTrail/${REGION}/log.json.gz`,
        context: { "s3:x-amz-acl": "bucket-owner-full-control" },
      },
    ]);
  });

  test.each([
    "s3:GetBucketAcl arn:aws:s3:::logs",
    `s3:PutObject arn:aws:s3:::logs/AWSLogs/${ACCOUNT}/CloudTrail/${REGION}/log.json.gz`,
  ])("that may not %s record nothing, and the others do", async (denied) => {
    iam.denied.add(denied);
    apply("one");
    apply("two", { S3BucketName: "other" });

    await record();

    const [action, resource] = denied.split(" ");
    expect(events.map((event) => (event.type === "problem" ? event.error.message : event.type))).toEqual([
      `Trail ${trailArn("one")} records nothing: AWS would refuse it with InsufficientS3BucketPolicyException, since CloudTrail may ` +
        `not write to the bucket logs. ${denial(action!, resource)}`,
      "recorded",
    ]);
    expect(put).toHaveLength(1);
  });

  test("that the emulator does not tell are a problem", async () => {
    apis.failures.set("DescribeTrails", { answers: [{ status: 400, error: "OddException" }] });
    cloudTrail.record(FACT);

    await until("it is told", () => events.length > 0);
    await cloudTrail.close();

    expect(events).toMatchObject([{ type: "problem", error: { message: "OddException it is" } }]);
  });
});
