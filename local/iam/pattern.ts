/** Whether a value of a request is meant. */
export type Matcher = (value: string) => boolean;

type Token = { readonly text: string } | "*" | "?";

/** `*`, `?` and `$` that stand for themselves: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars */
const ESCAPED = ["*", "?", "$"];

/** The first policy variable in a text, such as `${aws:username}`; escaped characters are none. */
export function variableIn(text: string): string | undefined {
  return [...text.matchAll(/\$\{([^}]*)\}/g)].find(([, name = ""]) => !ESCAPED.includes(name))?.[0];
}

/** Exactly this text, in which `*` and `?` mean nothing. */
export function exactly(text: string): Matcher {
  const unescaped = text.replace(/\$\{([*?$])\}/g, "$1");
  return (value) => value === unescaped;
}

/** `*` for any characters, `?` for one. */
export function like(text: string): Matcher {
  return matcher(tokensOf(text).map((token) => render(token, "[^]*", "[^]")));
}

/** The same, whatever the case: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html */
export function likeAction(text: string): Matcher {
  const matches = like(text.toLowerCase());
  return (value) => matches(value.toLowerCase());
}

/**
 * An ARN in a Resource: a wildcard stays within its segment, between two colons; but a `*` that ends a segment may go on beyond it.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html#reference_policies_elements_resource_wildcards
 */
export function likeResource(text: string): Matcher {
  const tokens = tokensOf(text);
  return matcher(
    tokens.map((token, index) => {
      const next = tokens[index + 1];
      const endsSegment = next === undefined || (typeof next === "object" && next.text.startsWith(":"));
      return render(token, endsSegment ? "[^]*" : "[^:]*", "[^:]");
    }),
  );
}

const ARN_COMPONENTS = 6;

/**
 * An ARN in a condition: each of its six components is compared on its own, so no wildcard reaches into the next one.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN
 */
export function likeArn(text: string): Matcher {
  const patterns = componentsOf(text).map(like);
  return (value) => {
    const values = componentsOf(value);
    return (
      patterns.length === ARN_COMPONENTS &&
      values.length === ARN_COMPONENTS &&
      patterns.every((matches, index) => matches(values[index] ?? ""))
    );
  };
}

/** The last of the six may hold colons. */
function componentsOf(arn: string): string[] {
  const parts = arn.split(":");
  return parts.length < ARN_COMPONENTS
    ? parts
    : [...parts.slice(0, ARN_COMPONENTS - 1), parts.slice(ARN_COMPONENTS - 1).join(":")];
}

function tokensOf(text: string): Token[] {
  return [...text.matchAll(/\$\{([*?$])\}|[*?]|[^*?$]+|\$/g)].map(([whole, escaped]) => {
    if (escaped !== undefined) return { text: escaped };
    return whole === "*" || whole === "?" ? whole : { text: whole };
  });
}

function render(token: Token, star: string, question: string): string {
  if (token === "*") return star;
  if (token === "?") return question;
  return token.text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

function matcher(parts: readonly string[]): Matcher {
  const expression = new RegExp(`^${parts.join("")}$`, "u");
  return (value) => expression.test(value);
}
