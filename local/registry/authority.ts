// @peculiar/x509 resolves its algorithms by tsyringe, which needs the polyfill to be loaded first.
import "reflect-metadata";
import { KeyObject, webcrypto } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import * as x509 from "@peculiar/x509";

/** A certificate authority that lives as long as the process: its key is never written to disk. */
export interface CertificateAuthority {
  /** The authority's own certificate, PEM. */
  readonly certificate: string;
  /** A TLS context holding a certificate for the host; made at the first call, then kept. */
  contextFor(host: string): Promise<SecureContext>;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY = 24 * 60 * 60 * 1000;
/** Clients with a clock slightly behind must not see a certificate from the future. */
const NOT_BEFORE = (): Date => new Date(Date.now() - DAY);
const NOT_AFTER = (): Date => new Date(Date.now() + 90 * DAY);

export async function createAuthority(name: string): Promise<CertificateAuthority> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    notBefore: NOT_BEFORE(),
    notAfter: NOT_AFTER(),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });

  const issue = async (host: string): Promise<SecureContext> => {
    const own = await generateKeys();
    const leaf = await x509.X509CertificateGenerator.create({
      subject: `CN=${host}`,
      issuer: certificate.subject,
      notBefore: NOT_BEFORE(),
      notAfter: NOT_AFTER(),
      signingAlgorithm: ALGORITHM,
      publicKey: own.publicKey,
      signingKey: keys.privateKey,
      extensions: [
        new x509.SubjectAlternativeNameExtension([{ type: "dns", value: host }]),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    const key = KeyObject.from(own.privateKey).export({ format: "pem", type: "pkcs8" });
    return createSecureContext({ key, cert: leaf.toString("pem") });
  };

  const contexts = new Map<string, Promise<SecureContext>>();
  return {
    certificate: certificate.toString("pem") + "\n",
    contextFor: (host) => {
      const context = contexts.get(host) ?? issue(host);
      contexts.set(host, context);
      return context;
    },
  };
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}
