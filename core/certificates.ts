/** What leads to an authority that Node does not know. https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const UNKNOWN_AUTHORITY = new Set([
  "CERT_UNTRUSTED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);
/** https://nodejs.org/api/errors.html#err_tls_cert_altname_invalid */
const OTHER_NAME = new Set(["ERR_TLS_CERT_ALTNAME_INVALID", "HOSTNAME_MISMATCH"]);
/** Whatever else may be wrong with a certificate. */
const UNUSABLE = /^(CERT_|ERROR_IN_CERT_|UNABLE_TO_DE)|^(INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED)$/;

/**
 * What to do about an error that comes of a server's certificate, or of that of a proxy in front of it; undefined for every other error,
 * which another try may mend.
 */
export function certificateRemedy(error: unknown): string | undefined {
  const code = codeOf(error);
  if (UNKNOWN_AUTHORITY.has(code)) return "set NODE_EXTRA_CA_CERTS to the certificate of the authority that signed it";
  if (code === "CERT_HAS_EXPIRED") return `have the certificate renewed, or ${correctClock()}`;
  if (code === "CERT_NOT_YET_VALID") return `have a certificate that is valid already, or ${correctClock()}`;
  if (OTHER_NAME.has(code)) return "use a name that the certificate is for, or have one issued for this name";
  return UNUSABLE.test(code) ? "have another certificate issued" : undefined;
}

/** The SDKs of AWS wrap what a connection reports. */
function codeOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  const { code = "", cause } = error as NodeJS.ErrnoException;
  return code === "" ? codeOf(cause) : code;
}

function correctClock(): string {
  return `set this machine's clock, which says ${new Date().toISOString()}`;
}
