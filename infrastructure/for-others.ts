import { policyDocument, type Statement } from "../config/policies/statement";

/** Whose part it is, by the key of the output `for_others`; docs/accounts.md says what to do with each. */
type Part =
  | "bucket_policy"
  | "bucket_key_policy"
  | "tools_key_policy"
  | "encryption_key_policy"
  | "builds_role_policy"
  | "builds_role_trust"
  | "function_role_policy"
  | "function_role_trust"
  | "repository_policies"
  | "event_bus_policy"
  | "event_forwarding";

/** What owners of things that are not the pipeline's have to attach, so that the pipeline works with them. */
export class ForOthers {
  readonly #parts = new Map<Part, unknown>();

  /** By key, policies as JSON; empty where nothing is needed. */
  get parts(): Readonly<Record<string, unknown>> {
    return Object.fromEntries([...this.#parts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** A whole policy document. */
  policy(part: Exclude<Part, "repository_policies" | "event_forwarding">, ...statements: readonly Statement[]): void {
    this.#parts.set(part, policyDocument(...statements));
  }

  /** A policy document as it is. */
  document(part: "builds_role_trust" | "function_role_trust", document: string): void {
    this.#parts.set(part, document);
  }

  /** The policy of one repository, by `<account>/<repository>`. */
  repositoryPolicy(repository: string, ...statements: readonly Statement[]): void {
    const known = (this.#parts.get("repository_policies") ?? {}) as Readonly<Record<string, string>>;
    this.#parts.set("repository_policies", { ...known, [repository]: policyDocument(...statements) });
  }

  /** Arguments of a rule on the bus that S3 sends to, and of its target. */
  eventForwarding(eventPattern: string, targetArn: string): void {
    this.#parts.set("event_forwarding", { event_pattern: eventPattern, target_arn: targetArn });
  }
}
