/** What is said of a block to Terraform, and says nothing of the thing that it makes. */
const META_ARGUMENTS = new Set(["//", "depends_on", "lifecycle", "provider", "provisioner", "connection"]);

/** Arguments that are maps, where an object is a nested block otherwise: of the JSON alone it cannot be told. */
const MAPS = new Set(["tags", "variables"]);

const IDENTIFIER = /^[a-z_][a-z0-9_-]*$/i;

/**
 * Resources and data sources of a stack in Terraform's native syntax, which says the same as its JSON.
 * https://developer.hashicorp.com/terraform/language/syntax/json
 */
export function nativeSyntax(stack: object): string {
  const { resource = {}, data = {} } = stack as Readonly<Record<"resource" | "data", Blocks | undefined>>;
  return Object.entries({ resource, data })
    .flatMap(([kind, types]) =>
      Object.entries(types).flatMap(([type, blocks]) =>
        Object.entries(blocks).flatMap(([id, block]) => [`${kind} "${type}" "${id}" {`, ...body(block), "}", ""]),
      ),
    )
    .join("\n");
}

type Json = Readonly<Record<string, unknown>>;
type Blocks = Readonly<Record<string, Readonly<Record<string, Json>>>>;

function body(block: Json): string[] {
  return Object.entries(block)
    .filter(([name, value]) => !META_ARGUMENTS.has(name) && value !== null)
    .flatMap(
      ([name, value]) =>
        nestedBlocks(name, value)?.flatMap((nested) => [`${name} {`, ...body(nested), "}"]) ?? [
          `${name} = ${expression(value)}`,
        ],
    )
    .map((line) => `  ${line}`);
}

/** One object, or several, unless they are a map. */
function nestedBlocks(name: string, value: unknown): Json[] | undefined {
  if (MAPS.has(name)) return undefined;
  const values: unknown[] = Array.isArray(value) ? value : [value];
  const areBlocks =
    values.length > 0 && values.every((each) => isObject(each) && Object.keys(each).every(isIdentifier));
  return areBlocks ? (values as Json[]) : undefined;
}

function expression(value: unknown): string {
  if (typeof value === "string") return template(value);
  if (Array.isArray(value)) return `[${value.map(expression).join(", ")}]`;
  if (isObject(value)) {
    const entries = Object.entries(value).map(([key, each]) => `${template(key)} = ${expression(each)}`);
    return `{ ${entries.join(", ")} }`;
  }
  return JSON.stringify(value);
}

/** Text is escaped as in JSON, but for what stands in an interpolation: that is an expression of its own, quotes included. */
function template(text: string): string {
  let written = "";
  let rest = text;
  for (;;) {
    const start = /(?<!\$)(\$\$)*\$\{/.exec(rest);
    if (!start) return `"${written}${escaped(rest)}"`;
    const from = start.index + start[0].length;
    const end = endOfInterpolation(rest, from);
    written += escaped(rest.slice(0, from)) + rest.slice(from, end);
    rest = rest.slice(end);
  }
}

function endOfInterpolation(text: string, from: number): number {
  let depth = 1;
  for (let index = from; index < text.length; index += 1) {
    if (text[index] === "{") depth += 1;
    if (text[index] === "}") depth -= 1;
    if (depth === 0) return index + 1;
  }
  return text.length;
}

function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function isIdentifier(name: string): boolean {
  return IDENTIFIER.test(name) || name === "//";
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
