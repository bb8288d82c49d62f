import type { Command as ShellCommand, SyntaxNode } from "unbash";

/** The name of what dash does not have. */
export function bashism(node: SyntaxNode): string | undefined {
  switch (node.type) {
    case "TestCommand":
      return "[[ ]]";
    case "ArithmeticCommand":
    case "ArithmeticFor":
      return "(( ))";
    case "ArrayValue":
      return "an array";
    case "ProcessSubstitution":
      return `${node.operator}( )`;
    case "HereString":
      return "<<<";
    case "Redirect":
      return node.operator.startsWith("&>") ? node.operator : undefined;
    case "Pipeline":
      return node.operators.includes("|&") ? "|&" : undefined;
    case "Select":
      return "select";
    case "Coproc":
      return "coproc";
    case "AnsiCQuoted":
      return "$' '";
    case "BraceExpansion":
      // Key=value pairs in braces are meant as they are, and bash would take them apart.
      return /[=:"]/.test(node.text) ? undefined : node.text;
    case "Assignment":
      return node.append && node.value.type === "Word" ? "+=" : undefined;
    case "Function":
      return node.name.pos > node.pos ? "function" : undefined;
    case "SimpleExpansion":
      return VARIABLES.has(node.text.slice(1)) ? node.text : undefined;
    case "ParameterExpansion":
      return isBashExpansion(node) || VARIABLES.has(node.parameter) ? node.text : undefined;
    case "Command":
      return bashCommand(node);
    default:
      return undefined;
  }
}

function isBashExpansion(node: Extract<SyntaxNode, { type: "ParameterExpansion" }>): boolean {
  if (node.prefix === "!" || node.index) return true;
  return ["Replace", "Slice", "CaseModification", "Transform", "Names"].includes(node.operation?.type ?? "");
}

function bashCommand(command: ShellCommand): string | undefined {
  const name = command.name?.text ?? "";
  if (BUILTINS.has(name)) return name;
  const words = command.args.map(({ text }) => text);
  if ((name === "[" || name === "test") && words.includes("==")) return `${name} ==`;
  return name === "set" && words.includes("pipefail") ? "set -o pipefail" : undefined;
}

const BUILTINS = new Set("declare let mapfile popd pushd readarray shopt source typeset".split(" "));
const VARIABLES = new Set("BASH_SOURCE BASH_VERSION EUID FUNCNAME RANDOM SECONDS UID".split(" "));
