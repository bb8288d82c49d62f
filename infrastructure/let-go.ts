import { TerraformStack } from "cdktf";
import type { IConstruct } from "constructs";

interface Removed {
  readonly from: string;
  readonly lifecycle: { readonly destroy: false };
}

const removedOf = new WeakMap<TerraformStack, Removed[]>();

/**
 * Has Terraform forget a resource that is no longer described, and leave the thing itself as it is; where the state does not hold it,
 * nothing happens. cdktf has no construct for it.
 * https://developer.hashicorp.com/terraform/language/block/removed
 * @param node a construct without a resource, in the place in the tree that the resource's had
 */
export function letGo(type: string, node: IConstruct): void {
  const stack = TerraformStack.of(node);
  const removed = removedOf.get(stack) ?? [];
  if (removed.length === 0) {
    removedOf.set(stack, removed);
    stack.addOverride("removed", removed);
  }
  removed.push({ from: `${type}.${stack.getLogicalId(node.node)}`, lifecycle: { destroy: false } });
  removed.sort((a, b) => (a.from < b.from ? -1 : 1));
}
