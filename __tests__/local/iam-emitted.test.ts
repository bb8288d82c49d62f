import { parsePolicy, type PolicyKind } from "../../local/iam/policy";
import { synthesise, TRIGGER_NAMES, TRIGGERS } from "../support/synthesis";

/** The kind of a policy by its resource and argument, such as `aws_iam_role images/pipeline/build/role assume_role_policy`. */
function kindOf(name: string): PolicyKind {
  if (name.endsWith(" assume_role_policy")) return "trust";
  return name.startsWith("aws_iam_") ? "identity" : "resource";
}

test.each(TRIGGER_NAMES)("the policies of trigger %s are understood whole", (name) => {
  for (const roles of ["own", "shared"] as const) {
    const policies = [...synthesise({ trigger: TRIGGERS[name], roles }).policies()];
    expect(policies.length).toBeGreaterThan(4);
    for (const [owner, policy] of policies) {
      const { statements } = parsePolicy(kindOf(owner), owner, JSON.stringify(policy));
      expect(statements).toHaveLength(policy.Statement.length);
    }
  }
});
