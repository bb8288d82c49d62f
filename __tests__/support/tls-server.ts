import "reflect-metadata";
import { KeyObject, webcrypto } from "node:crypto";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import * as x509 from "@peculiar/x509";

export interface TlsServer {
  readonly url: URL;
  /** What vouches for it, PEM: its own certificate. */
  readonly certificate: string;
  close(): Promise<void>;
}

interface Certificate {
  readonly host: string;
  /** Days from now. */
  readonly from: number;
  readonly until: number;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY = 24 * 60 * 60 * 1000;

/** A server on loopback that answers 200, to whoever accepts its certificate. */
export async function startTlsServer({ host, from, until }: Certificate): Promise<TlsServer> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const signed = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${host}`,
    notBefore: new Date(Date.now() + from * DAY),
    notAfter: new Date(Date.now() + until * DAY),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: "dns", value: host }])],
  });
  const certificate = signed.toString("pem");
  const key = KeyObject.from(keys.privateKey).export({ format: "pem", type: "pkcs8" });
  const server = createServer({ key, cert: certificate }, (_request, response) => response.end());
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: new URL(`https://localhost:${(server.address() as AddressInfo).port}`),
    certificate,
    close: async () => {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
    },
  };
}
