/** The parts of a JSON Schema that the reference shows. */
interface Node {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly Node[];
  readonly items?: Node;
}

const BEGIN = "<!-- options: written by npm run schema -->";
const END = "<!-- end of options -->";

/** The page with its table made new. */
export function replaceReference(page: string, schema: object): string {
  const [before, rest = ""] = page.split(BEGIN);
  const [, after] = rest.split(END);
  if (before === undefined || after === undefined) throw new Error(`the page must hold ${BEGIN} and ${END}`);
  return `${before}${BEGIN}\n\n${renderReference(schema)}\n\n${END}${after}`;
}

/** A Markdown table of every option of the schema, in the schema's order: `services[].compute.type`, what it is, its default. */
function renderReference(schema: Node): string {
  return ["| option | what it is | default |", "| --- | --- | --- |", ...rows(schema, "")].join("\n");
}

function rows(node: Node, path: string): string[] {
  const { properties = {}, required = [] } = node;
  return Object.entries(properties).flatMap(([name, property]) => {
    const option = path === "" ? name : `${path}.${name}`;
    const object = inner(property);
    const suffix = property.type === "array" && object.properties ? "[]" : "";
    return [renderRow(option, property, required.includes(name)), ...rows(object, `${option}${suffix}`)];
  });
}

/** The mapping behind a shorthand or a list. */
function inner(node: Node): Node {
  const alternative = node.anyOf?.find(({ properties }) => properties);
  if (alternative) return alternative;
  return node.items ? inner(node.items) : node;
}

function renderRow(
  option: string,
  { description = "", enum: values, default: value }: Node,
  isRequired: boolean,
): string {
  const choice = values ? ` One of ${values.map((each) => code(each)).join(", ")}.` : "";
  // A mapping's default is that of its options, which have rows of their own.
  const hasDefault = value !== undefined && !(typeof value === "object" && !Array.isArray(value));
  const shown = hasDefault ? code(value) : isRequired ? "**required**" : "";
  // A bare <name> would be taken for HTML.
  return [` \`${option}\` `, ` ${description.replaceAll("<", "&lt;")}${choice} `, ` ${shown} `]
    .map((cell) => cell.replaceAll("|", "\\|"))
    .reduce((row, cell) => `${row}${cell}|`, "|");
}

function code(value: unknown): string {
  return `\`${typeof value === "string" && value !== "" ? value : JSON.stringify(value)}\``;
}
