import * as limits from "../config/limits";
import { policyDocument, type Statement } from "../config/policies/statement";

const { max: MANAGED_POLICY_LENGTH } = limits.MANAGED_POLICY_LENGTH;
const { max: INLINE_POLICIES_LENGTH } = limits.INLINE_POLICIES_LENGTH;
/** By default; a higher quota can be asked for. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const MANAGED_POLICIES_OF_ROLE = 10;

/** As few documents as it takes for each to be a managed policy, without white space. */
export function policyDocuments(statements: readonly Statement[]): readonly string[] {
  const documents: Statement[][] = [];
  for (const statement of statements.flatMap(fit)) {
    const roomy = documents.find((document) => fits(...document, statement));
    if (roomy) roomy.push(statement);
    else documents.push([statement]);
  }
  return documents.map((document) => policyDocument(...document));
}

/** How to attach them, where it is more than one. */
export function describeDocuments(pipeline: string, documents: readonly string[]): string | undefined {
  if (documents.length < 2) return undefined;
  const length = documents.reduce((sum, each) => sum + each.length, 0);
  const what = `the policy for ${pipeline} has ${length} characters, a managed policy holds ${MANAGED_POLICY_LENGTH}: it is a list of ${documents.length} documents`;
  if (documents.length > MANAGED_POLICIES_OF_ROLE) {
    return `${what}, more than the ${MANAGED_POLICIES_OF_ROLE} managed policies that a role has by default: have that quota raised, or make several pipelines of it`;
  }
  const attach = `${what}; attach each as a managed policy, of which a role has ${MANAGED_POLICIES_OF_ROLE} by default`;
  return length > INLINE_POLICIES_LENGTH
    ? `${attach}: inline policies of a role hold ${INLINE_POLICIES_LENGTH} together`
    : `${attach}, or all as inline policies of one role, which hold ${INLINE_POLICIES_LENGTH} together`;
}

const fits = (...statements: readonly Statement[]) => policyDocument(...statements).length <= MANAGED_POLICY_LENGTH;

/** A statement that no document holds becomes several, each for some of its resources. */
function fit(statement: Statement): Statement[] {
  const { Sid, Resource } = statement;
  if (Resource === undefined || typeof Resource === "string") return [statement];
  for (let count = 1; count <= Resource.length; count++) {
    const size = Math.ceil(Resource.length / count);
    const parts = Array.from({ length: count }, (_, index) => ({
      ...statement,
      Sid: index === 0 ? Sid : `${Sid}${index + 1}`,
      Resource: Resource.slice(index * size, (index + 1) * size),
    })).filter((part) => part.Resource.length > 0);
    if (parts.every((part) => fits(part))) return parts;
  }
  return [statement];
}
