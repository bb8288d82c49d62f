import type { Place } from "./place";

/**
 * A statement of an IAM policy, in IAM's own spelling.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
 */
export interface Statement {
  readonly Sid: string;
  readonly Effect: "Allow" | "Deny";
  readonly Principal?: "*" | { readonly Service: string } | { readonly AWS: string | readonly string[] };
  readonly Action: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

export function policyDocument(...statements: readonly Statement[]): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: statements });
}

/**
 * Characters of a policy as AWS gets it. Terraform spells `<`, `>` and `&` by their numbers, https://pkg.go.dev/encoding/json#Marshal; a blank in
 * a key counts, as IAM does not say whether that is white space.
 */
export function policyLength(...statements: readonly Statement[]): number {
  return policyDocument(...statements).replace(/[<>&]/g, "\\u0026").length;
}

/**
 * Text that stands for itself in an ARN or a condition of a policy, where `*`, `?` and `$` mean more.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars
 */
export function exactly(text: string, place: Place): string {
  return place.literal(text.replace(/[$*?]/g, "${$&}"));
}
