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
