/** A stack holds a type of resource whose calls the deployer's policy does not know. */
export class UnknownResourceTypeError extends Error {
  override readonly name = "UnknownResourceTypeError";

  constructor(type: string) {
    super(
      `cannot tell what a deployer must be allowed: found a resource of type ${type}, expected those of pipelines only; add its calls to infrastructure/deployer-policy.ts`,
    );
  }
}

/** A pipeline has not the one resource that was asked for. */
export class ResourceNotFoundError extends Error {
  override readonly name = "ResourceNotFoundError";

  constructor(type: string, path: string, found: readonly string[], paths: readonly string[]) {
    const count = found.length === 0 ? "none" : `${found.length} (${found.join(", ")})`;
    const remedy =
      paths.length === 0 ? "this pipeline makes nothing of that type" : `end the path in one of: ${paths.join(", ")}`;
    super(`expected one ${type} whose path ends in "${path}", found ${count}; ${remedy}`);
  }
}
