import { UnsupportedPolicyError } from "./errors";
import { exactly, like, likeAction, likeArn, likeResource, variableIn, type Matcher } from "./pattern";

/**
 * Where a policy is attached: to a role, to a role as the most that its policies may allow, to a resource, to an ECR repository, or to a role
 * as what says who may assume it.
 */
export type PolicyKind = "identity" | "boundary" | "resource" | "repository" | "trust";

/** Policies that speak of the role that they are attached to, and name no principal. */
const WITHOUT_PRINCIPAL: readonly PolicyKind[] = ["identity", "boundary"];

/** Policies that speak of what they are attached to, and name no resource. */
const WITHOUT_RESOURCE: readonly PolicyKind[] = ["repository", "trust"];

/** Who is meant by a resource's or a role's trust policy. */
export type PrincipalPattern =
  | { readonly kind: "everyone" }
  | { readonly kind: "service"; readonly name: string }
  /** ARN of a role, or of one session of it. */
  | { readonly kind: "role"; readonly arn: string }
  /** Whomever the account lets. */
  | { readonly kind: "account"; readonly account: string };

interface Condition {
  /** In lower case. */
  readonly key: string;
  /** One of them is enough. */
  readonly values: readonly Matcher[];
}

export interface Statement {
  /** Its Sid, or which one it is, such as `#2`. */
  readonly id: string;
  readonly effect: "Allow" | "Deny";
  /** Absent in an identity policy, which means its role. */
  readonly principals?: readonly PrincipalPattern[];
  readonly actions: readonly Matcher[];
  /** Absent in a policy of a repository and in a trust policy, which mean what they are attached to. */
  readonly resources?: readonly Matcher[];
  /** All of them must hold. */
  readonly conditions: readonly Condition[];
}

/** A policy document that was understood whole. */
export interface Policy {
  readonly kind: PolicyKind;
  /** Whose it is, for messages. */
  readonly name: string;
  readonly statements: readonly Statement[];
}

/** What a policy grants or refuses by tags of the resource. */
export const RESOURCE_TAG = "aws:resourcetag/";

/**
 * Condition keys, in lower case, that requests here may carry; which of them one does carry depends on the call.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
 */
const KEYS = [
  "aws:securetransport",
  "aws:principalarn",
  "aws:sourcearn",
  "aws:sourceaccount",
  // In the policy that SNS gives each topic; no service sends it any more, so it never holds.
  "aws:sourceowner",
  "s3:prefix",
  "s3:x-amz-acl",
  // Of what CodeBuild does with a VPC, which is nothing here.
  "ec2:authorizedservice",
  "ec2:subnet",
  // Of the deployer's calls.
  "iam:passedtoservice",
  "iam:permissionsboundary",
  "lambda:functionarn",
];

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html */
const OPERATORS: Readonly<Record<string, (value: string) => Matcher>> = {
  StringEquals: exactly,
  StringLike: like,
  ArnEquals: likeArn,
  ArnLike: likeArn,
  Bool: (wanted) => (value) => value.toLowerCase() === wanted.toLowerCase(),
};

const VERSIONS = ["2008-10-17", "2012-10-17"];

/**
 * Understands a policy document as far as our infrastructure and the services behind it write one.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
 *
 * @param name whose policy it is, for messages
 * @throws UnsupportedPolicyError for everything else, however harmless it looks
 */
export function parsePolicy(kind: PolicyKind, name: string, text: string): Policy {
  return new Reader(kind, name).policy(text);
}

class Reader {
  #statement: string | undefined;

  constructor(
    private readonly kind: PolicyKind,
    private readonly name: string,
  ) {}

  policy(text: string): Policy {
    const { Version, Id, Statement, ...others } = this.#object("the document", this.#json(text));
    this.#refuseOthers(others);
    if (Id !== undefined && typeof Id !== "string") this.#refuse("Id", `is ${show(Id)}`);
    if (Version !== undefined && !VERSIONS.includes(Version as string)) this.#refuse("Version", `is ${show(Version)}`);
    const statements: unknown[] = Array.isArray(Statement) ? Statement : [Statement];
    return {
      kind: this.kind,
      name: this.name,
      statements: statements.map((statement, index) => this.#readStatement(statement, index)),
    };
  }

  #readStatement(value: unknown, index: number): Statement {
    this.#statement = `#${index + 1}`;
    const { Sid, Effect, Principal, Action, Resource, Condition, ...others } = this.#object("Statement", value);
    if (typeof Sid === "string" && Sid !== "") this.#statement = Sid;
    else if (Sid !== undefined && Sid !== "") this.#refuse("Sid", `is ${show(Sid)}`);
    this.#refuseOthers(others);
    if (Effect !== "Allow" && Effect !== "Deny") this.#refuse("Effect", `is ${show(Effect)}`);
    return {
      id: this.#statement,
      effect: Effect,
      ...this.#principals(Principal, Effect),
      actions: this.#texts("Action", Action).map(likeAction),
      ...this.#resources(Resource),
      conditions: Condition === undefined ? [] : this.#conditions(Condition),
    };
  }

  #principals(value: unknown, effect: Statement["effect"]): Pick<Statement, "principals"> {
    if (WITHOUT_PRINCIPAL.includes(this.kind)) {
      if (value !== undefined) this.#refuse("Principal", "stands in a policy of a role");
      return {};
    }
    if (value === "*") return { principals: [{ kind: "everyone" }] };
    const { Service, AWS, ...others } = this.#object("Principal", value);
    this.#refuseOthers(others, "Principal.");
    return {
      principals: [
        ...(Service === undefined ? [] : this.#texts("Principal.Service", Service).map((name) => this.#service(name))),
        ...(AWS === undefined ? [] : this.#texts("Principal.AWS", AWS).map((name) => this.#awsPrincipal(name, effect))),
      ],
    };
  }

  #service(name: string): PrincipalPattern {
    if (name.includes("*")) this.#refuse("Principal.Service", `is ${show(name)}`);
    return { kind: "service", name };
  }

  /** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-accounts */
  #awsPrincipal(name: string, effect: Statement["effect"]): PrincipalPattern {
    if (name === "*") return { kind: "everyone" };
    const account = /^(?:arn:[^:*]+:iam::(\d{12}):root|(\d{12}))$/.exec(name);
    if (account && effect === "Allow") return { kind: "account", account: account[1] ?? account[2] ?? "" };
    if (!/^arn:[^:*]+:(iam::\d{12}:role|sts::\d{12}:assumed-role)\/[^*]+$/.test(name))
      this.#refuse("Principal.AWS", `is ${show(name)}`);
    return { kind: "role", arn: name };
  }

  #resources(value: unknown): Pick<Statement, "resources"> {
    if (!WITHOUT_RESOURCE.includes(this.kind)) return { resources: this.#texts("Resource", value).map(likeResource) };
    if (value !== undefined) this.#refuse("Resource", `stands in a ${this.kind} policy`);
    return {};
  }

  #conditions(value: unknown): Condition[] {
    return Object.entries(this.#object("Condition", value)).flatMap(([operator, keys]) => {
      const element = `Condition.${operator}`;
      const compare = Object.hasOwn(OPERATORS, operator) ? OPERATORS[operator] : undefined;
      if (compare === undefined) this.#refuse("Condition", `uses the operator ${operator}`);
      return Object.entries(this.#object(element, keys)).map(([name, values]) => {
        const key = name.toLowerCase();
        if (!KEYS.includes(key) && !key.startsWith(RESOURCE_TAG)) this.#refuse(element, `looks at ${name}`);
        return { key, values: this.#texts(`${element}.${name}`, values).map(compare) };
      });
    });
  }

  /** A text or a list of texts, without policy variables. */
  #texts(element: string, value: unknown): string[] {
    const texts: unknown[] = Array.isArray(value) ? value : [value];
    if (texts.length === 0) this.#refuse(element, "is empty");
    return texts.map((text) => {
      if (typeof text !== "string") this.#refuse(element, text === undefined ? "is missing" : `holds ${show(text)}`);
      const variable = variableIn(text);
      if (variable !== undefined) this.#refuse(element, `holds the policy variable ${variable}`);
      return text;
    });
  }

  #json(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch {
      return this.#refuse("the document", "is no JSON");
    }
  }

  #object(element: string, value: unknown): Record<string, unknown> {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    return this.#refuse(element, value === undefined ? "is missing" : `is ${show(value)}`);
  }

  #refuseOthers(others: object, prefix = ""): void {
    const [first] = Object.keys(others);
    if (first !== undefined) this.#refuse(`${prefix}${first}`, "is there");
  }

  #refuse(element: string, found: string): never {
    throw new UnsupportedPolicyError(this.name, this.#statement, element, found);
  }
}

const show = (value: unknown): string => JSON.stringify(value);
