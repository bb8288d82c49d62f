import "reflect-metadata";
import { KeyObject, randomUUID, sign, webcrypto } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";

export interface TokenServer {
  /** How docker's registry is configured to ask it. */
  readonly auth: Readonly<Record<string, unknown>>;
  /** The scopes that tokens were given for. */
  readonly given: readonly (readonly string[])[];
  close(): void;
}

const SERVICE = "registry.example";
const ISSUER = "tokens.example";
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const MINUTE = 60_000;

/**
 * An authorization server as docker's registry knows it, which gives one user whatever is asked for.
 * https://distribution.github.io/distribution/spec/auth/jwt/
 */
export async function startTokenServer(directory: string, user: string, password: string): Promise<TokenServer> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${ISSUER}`,
    notBefore: new Date(Date.now() - MINUTE),
    notAfter: new Date(Date.now() + 60 * MINUTE),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
  });
  const rootcertbundle = join(directory, "tokens.pem");
  writeFileSync(rootcertbundle, certificate.toString("pem"));

  const key = KeyObject.from(keys.privateKey);
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const token = (scopes: readonly string[]): string => {
    const now = Math.floor(Date.now() / 1000);
    const access = scopes.map((scope) => {
      const [type, name, actions = ""] = scope.split(":");
      return { type, name, actions: actions.split(",") };
    });
    const claims = {
      iss: ISSUER,
      sub: user,
      aud: SERVICE,
      exp: now + 300,
      nbf: now - 60,
      iat: now,
      jti: randomUUID(),
      access,
    };
    const text = `${part({ typ: "JWT", alg: "ES256", x5c: [certificate.toString("base64")] })}.${part(claims)}`;
    return `${text}.${sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
  };

  const given: string[][] = [];
  const expected = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  const server = createServer((request, response) => {
    const scopes = new URL(request.url ?? "/", "http://server").searchParams.getAll("scope");
    if (request.headers.authorization !== expected) {
      response.writeHead(401).end();
      return;
    }
    given.push(scopes);
    response.end(JSON.stringify({ token: token(scopes) }));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const realm = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  return {
    auth: { token: { realm, service: SERVICE, issuer: ISSUER, rootcertbundle } },
    given,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
