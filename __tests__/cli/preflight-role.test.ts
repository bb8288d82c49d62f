import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { preflightCommand } from "../../cli/preflight";
import { LoopbackServer } from "../support/loopback";

const DEPLOY = "arn:aws:iam::111122223333:role/deploy";
const WRITER = "arn:aws:iam::111122223333:role/state-writer";
const DENIED = `User: arn:aws:iam::444455556666:user/jo is not authorized to perform: sts:AssumeRole on resource: ${DEPLOY}`;

/** STS, which lends a key of the role's own name, and S3. */
class FakeAws extends LoopbackServer {
  /** Every call, and by whose key in which region. */
  readonly asked: string[] = [];
  refusal: readonly [code: string, message: string] | undefined;

  protected override async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "", headers } = request;
    const [, key = "", region = ""] = /Credential=([^/]+)\/\d+\/([^/]+)/.exec(headers.authorization ?? "") ?? [];
    const token = headers["x-amz-security-token"];
    const by = `${key}${token === undefined ? "" : `+${String(token)}`} in ${region}`;
    if (method !== "POST") {
      this.asked.push(`${method} ${url} by ${by}`);
      const isLocation = url.endsWith("?location=");
      const body = isLocation
        ? '<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">eu-west-1</LocationConstraint>'
        : "<NotificationConfiguration/>";
      response.writeHead(url.includes(".tflock") ? 404 : 200, { "content-type": "application/xml" });
      response.end(url.includes(".tflock") ? "<Error><Code>NoSuchKey</Code></Error>" : body);
      return;
    }
    const { Version, ...call } = Object.fromEntries(new URLSearchParams(await text(request)));
    expect(Version).toBe("2011-06-15");
    this.asked.push(`${JSON.stringify(call)} by ${by}`);
    const [status, body] = this.refusal === undefined ? [200, lent(call.RoleArn!)] : [403, refused(...this.refusal)];
    response.writeHead(status, { "content-type": "text/xml" }).end(body);
  }
}

function lent(role: string): string {
  const key = `<AccessKeyId>${role.replace(/^.*\//, "")}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>`;
  const credentials = `${key}<SessionToken>token</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration>`;
  return `<AssumeRoleResponse><AssumeRoleResult><Credentials>${credentials}</Credentials></AssumeRoleResult></AssumeRoleResponse>`;
}

function refused(code: string, message: string): string {
  return `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`;
}

const folder = mkdtempSync(join(tmpdir(), "preflight-role-"));
const file = join(folder, "pipeline.yaml");
const fake = new FakeAws();
const before = process.env;
beforeAll(async () => {
  await fake.start();
  const profiles = join(folder, "credentials");
  const keys = (id: string) => `aws_access_key_id = ${id}\naws_secret_access_key = secret\n`;
  writeFileSync(profiles, `[default]\n${keys("jo")}[state]\n${keys("stateful")}`);
  process.env = {
    PATH: before.PATH,
    AWS_SHARED_CREDENTIALS_FILE: profiles,
    AWS_MAX_ATTEMPTS: "1",
    AWS_ENDPOINT_URL: fake.endpoint,
  };
});
beforeEach(() => {
  fake.asked.length = 0;
  fake.refusal = undefined;
});
afterAll(async () => {
  process.env = before;
  rmSync(folder, { recursive: true });
  await fake.close();
});

async function preflight(lines: readonly string[], ...args: readonly string[]) {
  writeFileSync(file, ["name: images", "region: eu-west-1", "services: [api]", ...lines].join("\n"));
  const said = { out: "", err: "" };
  const code = await preflightCommand(["--file", file, ...args], {
    out: (line) => (said.out += line),
    err: (line) => (said.err += line),
  });
  return { code, out: said.out, err: said.err.replaceAll(`${folder}/`, "") };
}

const EXISTING = "bucket: { existing: theirs }";
const TRAIL = "trigger: { cloudtrail: { trail: false } }";
const provider = (more = "") => `provider: { assumeRole: { roleArn: "${DEPLOY}"${more} } }`;
const assumption = (role: string, more: object = {}) =>
  JSON.stringify({ Action: "AssumeRole", RoleArn: role, RoleSessionName: "preflight", ...more });

test.each([
  ["as it is", "", {}],
  [
    "with all of its options",
    ", externalId: images, sessionName: nightly",
    { RoleSessionName: "nightly", ExternalId: "images" },
  ],
])("the account is looked at with the provider's role, %s", async (_, more, asked) => {
  expect(await preflight([EXISTING, TRAIL, provider(more)])).toStrictEqual({
    code: 0,
    out: "nothing stands in the way\n",
    err: "",
  });
  expect(fake.asked).toStrictEqual([
    `${assumption(DEPLOY, asked)} by jo in eu-west-1`,
    "HEAD /theirs/ by deploy+token in eu-west-1",
    "GET /theirs/?location= by deploy+token in eu-west-1",
  ]);
});

test("the state is looked at with a role of its own, which is lent to the backend's profile", async () => {
  const backend = `backend: { s3: { bucket: states, region: us-east-1, profile: state, assumeRole: "${WRITER}" } }`;
  expect((await preflight([EXISTING, TRAIL, backend, provider()])).code).toBe(0);
  expect(fake.asked).toStrictEqual([
    `${assumption(WRITER)} by stateful in us-east-1`,
    "HEAD /states/ by state-writer+token in us-east-1",
    "GET /states/?versioning= by state-writer+token in us-east-1",
    "GET /states/images.tfstate.tflock?x-id=GetObject by state-writer+token in us-east-1",
    `${assumption(DEPLOY)} by jo in eu-west-1`,
    "HEAD /theirs/ by deploy+token in eu-west-1",
    "GET /theirs/?location= by deploy+token in eu-west-1",
  ]);
});

const RULE = "must be a role that the credentials here may assume, and AWS says";
const LET_IN = "have its trust policy let them in";
const ALLOW = "and allow them sts:AssumeRole on it; or take other credentials";

test.each([
  ["", ["AccessDenied", DENIED], `AccessDenied: ${DENIED}; ${LET_IN} without an externalId, ${ALLOW}`],
  [
    ", externalId: images",
    ["AccessDenied", DENIED],
    `AccessDenied: ${DENIED}; ${LET_IN} with the externalId "images", ${ALLOW}`,
  ],
  [
    "",
    ["ExpiredToken", "The security token included in the request is expired."],
    "ExpiredToken: The security token included in the request is expired; log in to AWS again, or set AWS_PROFILE",
  ],
  [
    "",
    ["RegionDisabledException", "STS is not activated in this region"],
    "RegionDisabledException: STS is not activated in this region; correct what that names, or take other credentials",
  ],
] as const)("a role that is not lent%s is found, and nothing without it: %j", async (more, refusal, found) => {
  fake.refusal = refusal;
  expect(await preflight([EXISTING, TRAIL, provider(more)])).toStrictEqual({
    code: 1,
    out: "",
    err: `pipeline.yaml:6:27 provider.assumeRole.roleArn: ${RULE} ${found}, got "${DEPLOY}"\n`,
  });
  expect(fake.asked).toHaveLength(1);
});

test("a role of the state's that is not lent is found, and the rest is looked at", async () => {
  fake.refusal = ["AccessDenied", "no"];
  const backend = `backend: { s3: { bucket: states, assumeRole: "${WRITER}" } }`;
  expect(await preflight([EXISTING, TRAIL, backend])).toStrictEqual({
    code: 1,
    out: "",
    err: `pipeline.yaml:6:34 backend.s3.assumeRole: ${RULE} AccessDenied: no; ${LET_IN} without an externalId, ${ALLOW}, got "${WRITER}"\n`,
  });
  expect(fake.asked).toStrictEqual([
    `${assumption(WRITER)} by jo in eu-west-1`,
    "HEAD /theirs/ by jo in eu-west-1",
    "GET /theirs/?location= by jo in eu-west-1",
  ]);
});

describe("--adopt", () => {
  const lines = ["bucket: { existing: theirs, notifications: adopt }", provider(", externalId: images")];

  test("reads the bucket with the role", async () => {
    expect((await preflight(lines, "--adopt")).code).toBe(0);
    expect(fake.asked).toStrictEqual([
      `${assumption(DEPLOY, { ExternalId: "images" })} by jo in eu-west-1`,
      "GET /theirs/?notification= by deploy+token in eu-west-1",
    ]);
    expect(readFileSync(join(folder, "notifications.images.json"), "utf8")).toContain('"bucket": "theirs"');
  });

  test("names a role that is not lent", async () => {
    fake.refusal = ["AccessDenied", DENIED];
    expect(await preflight(lines, "--adopt")).toStrictEqual({
      code: 2,
      out: "",
      err: `${DEPLOY} ${RULE} AccessDenied: ${DENIED}; ${LET_IN} with the externalId "images", ${ALLOW}\n`,
    });
  });
});
