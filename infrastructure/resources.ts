import type { TerraformElement } from "cdktf";
import type { IConstruct } from "constructs";
import { ResourceNotFoundError } from "./errors";

/** The class of a resource or a data source, of a provider's bindings. */
export type ResourceType<T extends TerraformElement> = (abstract new (...args: never[]) => T) & {
  /** As Terraform calls it: `aws_sqs_queue`. */
  readonly tfResourceType: string;
};

/**
 * The one resource or data source of this type below the construct whose path ends so, by whole ids.
 * @throws ResourceNotFoundError where none or several match.
 */
export function findResource<T extends TerraformElement>(scope: IConstruct, type: ResourceType<T>, path: string): T {
  const candidates = scope.node.findAll().flatMap((child) => (child instanceof type ? [child] : []));
  const pathOf = (child: IConstruct) => child.node.path.slice(scope.node.path.length + 1);
  const found = candidates.filter((child) => path === "" || `/${pathOf(child)}`.endsWith(`/${path}`));
  const [resource] = found;
  if (resource === undefined || found.length > 1)
    throw new ResourceNotFoundError(type.tfResourceType, path, found.map(pathOf), candidates.map(pathOf));
  return resource;
}
