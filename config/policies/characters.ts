import * as limits from "../limits";

/** Why a text cannot stand in a policy of IAM; nothing where it can. */
export function beyondPolicies(text: string): string | undefined {
  const [strange] = limits.BEYOND_POLICIES.exec(text) ?? [];
  if (strange === undefined) return undefined;
  const number = strange.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0");
  return `IAM takes no character beyond U+00FF (Latin-1) in a policy, such as ${strange} (U+${number}) here`;
}
