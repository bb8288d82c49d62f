import tls, { type ConnectionOptions, type TLSSocket } from "node:tls";
import { ECRClient } from "@aws-sdk/client-ecr";
import { S3Client } from "@aws-sdk/client-s3";
import { openDrop } from "../../core/archive/s3-object";
import { certificateRemedy } from "../../core/certificates";
import { parseDrop } from "../../core/drop";
import { ProxyAwareHandler } from "../../core/proxy-aware-handler";
import { EcrCredentials } from "../../core/registry/ecr-credentials";
import { Repository } from "../../core/registry/repository";
import { startTlsServer, type TlsServer } from "../support/tls-server";

const CA = "set NODE_EXTRA_CA_CERTS to the certificate of the authority that signed it";
const RENEW = "have the certificate renewed, or set this machine's clock, which says NOW";
const WAIT = "have a certificate that is valid already, or set this machine's clock, which says NOW";
const NAME = "use a name that the certificate is for, or have one issued for this name";
const ANOTHER = "have another certificate issued";

/** The SDK knows errors by their class, and those of Node's are of another one than jest's. */
class Handler extends ProxyAwareHandler {
  override async handle(...args: Parameters<ProxyAwareHandler["handle"]>): ReturnType<ProxyAwareHandler["handle"]> {
    return super.handle(...args).catch((error: unknown) => {
      const { message, code } = error as NodeJS.ErrnoException;
      throw Object.assign(new Error(message), { code });
    });
  }
}

const withoutTime = (text: string) => text.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/, "NOW");

test.each([
  ["CERT_UNTRUSTED", CA],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", CA],
  ["SELF_SIGNED_CERT_IN_CHAIN", CA],
  ["UNABLE_TO_GET_ISSUER_CERT", CA],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", CA],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", CA],
  ["CERT_HAS_EXPIRED", RENEW],
  ["CERT_NOT_YET_VALID", WAIT],
  ["ERR_TLS_CERT_ALTNAME_INVALID", NAME],
  ["HOSTNAME_MISMATCH", NAME],
  ["CERT_REVOKED", ANOTHER],
  ["CERT_SIGNATURE_FAILURE", ANOTHER],
  ["ERROR_IN_CERT_NOT_AFTER_FIELD", ANOTHER],
  ["UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY", ANOTHER],
  ["INVALID_PURPOSE", ANOTHER],
  ["ECONNREFUSED", undefined],
  ["ENOTFOUND", undefined],
  ["UNABLE", undefined],
])("%s: %s", (code, expected) => {
  const error = Object.assign(new Error("no"), { code });
  for (const each of [error, new Error("wrapped", { cause: error })]) {
    const remedy = certificateRemedy(each);
    expect(remedy && withoutTime(remedy)).toBe(expected);
  }
});

test("what is no error has no remedy", () => {
  expect(certificateRemedy("CERT_HAS_EXPIRED")).toBeUndefined();
});

describe.each([
  ["of an unknown authority", "localhost", -1, 1, false, "self-signed certificate", CA],
  ["that has expired", "localhost", -2, -1, true, "certificate has expired", RENEW],
  ["that is not valid yet", "localhost", 1, 2, true, "certificate is not yet valid", WAIT],
  [
    "of another name",
    "registry.example",
    -1,
    1,
    true,
    "Hostname/IP does not match certificate's altnames: Host: localhost. is not in the cert's altnames: DNS:registry.example",
    NAME,
  ],
])("a certificate %s", (_, host, from, until, trusted, found, remedy) => {
  let server: TlsServer;
  beforeAll(async () => {
    server = await startTlsServer({ host, from, until });
    const connect = tls.connect.bind(tls) as (options: ConnectionOptions) => TLSSocket;
    // Node reads NODE_EXTRA_CA_CERTS when it starts.
    const trusting = (options: ConnectionOptions) =>
      connect({ ...options, ...(trusted && { ca: server.certificate }) });
    jest.spyOn(tls, "connect").mockImplementation(trusting as never);
  });
  afterAll(async () => {
    jest.restoreAllMocks();
    await server.close();
  });

  async function failureOf(action: Promise<unknown>): Promise<string> {
    const error = await action.then(
      () => new Error("it was accepted"),
      (reason: unknown) => reason as Error,
    );
    return withoutTime(error.message);
  }
  const client = () => ({
    endpoint: server.url.href,
    region: "us-east-1",
    credentials: { accessKeyId: "key", secretAccessKey: "secret" },
    requestHandler: new Handler(),
    maxAttempts: 1,
  });

  test("of a registry is told, and not tried again", async () => {
    const again: unknown[] = [];
    const repository = new Repository({
      registry: server.url,
      name: "team/api",
      onRetry: (error) => again.push(error),
    });
    expect(await failureOf(repository.manifest("a"))).toBe(
      `reading the manifest of ${server.url.host}/team/api:a: found no answer from ${server.url.host} (${found}), expected a registry; ${remedy}`,
    );
    expect(again).toStrictEqual([]);
  });

  test("of ECR's API is told", async () => {
    const ecr = new ECRClient(client());
    expect(await failureOf(new EcrCredentials(ecr, "registry").authorization())).toBe(
      `no token for registry: found Error: ${found}, expected an answer to ecr:GetAuthorizationToken; ${remedy}`,
    );
    ecr.destroy();
  });

  test("of S3 is told", async () => {
    const s3 = new S3Client({ ...client(), forcePathStyle: true });
    expect(await failureOf(openDrop(s3, parseDrop({ bucket: "drops", key: "api.zip", etag: "e" })))).toBe(
      `s3://drops/api.zip cannot be read: found Error: ${found}, expected the bytes of the object; ${remedy}`,
    );
    s3.destroy();
  });
});
