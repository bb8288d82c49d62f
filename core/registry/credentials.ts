/** Gives the value of the `Authorization` header. */
export interface Credentials {
  /** Undefined: none is sent. */
  authorization(): Promise<string | undefined>;
  /**
   * Called when a registry did not accept `stale`: the next `authorization()` should be another, if there can be one.
   * @param challenge how it wants to be asked: its `WWW-Authenticate` header
   */
  renew(stale: string | undefined, challenge?: string): void;
}
