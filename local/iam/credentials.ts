/** Temporary credentials of a role. They do not expire. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** What a process needs in its environment to act by a role. */
export function roleVariables({ accessKeyId, secretAccessKey, sessionToken }: Credentials, gate: string) {
  return {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
    AWS_ENDPOINT_URL: gate,
  };
}

/**
 * Variables that lead requests past the gate or the registry's proxy: another proxy, exceptions from it, other endpoints, none at all.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
 */
const WAYS_OUT = /^((https?|all|no)_proxy|AWS_ENDPOINT_URL(_\w+)?|AWS_IGNORE_CONFIGURED_ENDPOINT_URLS)$/i;

export function isWayOut(variable: string): boolean {
  return WAYS_OUT.test(variable);
}

/** What a log says of a configured variable that does not hold here. */
export function notUsed(variable: string): string {
  return `${variable} is not used as configured: on this machine the platform decides where requests go`;
}
