import { TerraformStack } from "cdktf";
import type { IConstruct } from "constructs";

const letGoOf = new WeakMap<TerraformStack, string[]>();

/**
 * Has Terraform forget a resource that is no longer described, and leave the thing itself as it is; where the state does not hold it,
 * nothing happens. cdktf has no construct for it.
 * https://developer.hashicorp.com/terraform/language/block/removed
 * @param node a construct without a resource, in the place in the tree that the resource's had
 */
export function letGo(type: string, node: IConstruct): void {
  const stack = TerraformStack.of(node);
  const addresses = letGoOf.get(stack) ?? [];
  letGoOf.set(stack, addresses);
  addresses.push(`${type}.${stack.getLogicalId(node.node)}`);
  stack.addOverride(
    "removed",
    addresses.toSorted().map((from) => ({ from, lifecycle: { destroy: false } })),
  );
}
