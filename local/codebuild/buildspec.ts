import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Node,
  type YAMLMap,
} from "yaml";
import { NotSupportedLocally, YamlFileError } from "./errors";

/*
 * As much of a buildspec as it takes to run one
 * (https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html). What has no effect on this machine
 * (artifacts, cache, reports, proxy, batch) is not looked at.
 */

/** In the order in which they run. */
export const phaseNames = ["install", "pre_build", "build", "post_build"] as const;
export type PhaseName = (typeof phaseNames)[number];

interface BuildspecPhase {
  readonly commands: readonly string[];
  /** Run after the commands, also when one of them failed. */
  readonly finally: readonly string[];
  /** Undefined follows https://docs.aws.amazon.com/codebuild/latest/userguide/view-build-details-phases.html */
  readonly onFailure?: "ABORT" | "CONTINUE";
  readonly runtimeVersions: Readonly<Record<string, string>>;
}

export interface Buildspec {
  /** In 0.1 every command has a shell of its own. */
  readonly version: "0.1" | "0.2";
  readonly shell: "sh" | "bash";
  readonly variables: Readonly<Record<string, string>>;
  readonly exportedVariables: readonly string[];
  readonly phases: Readonly<Partial<Record<PhaseName, BuildspecPhase>>>;
}

/** Reads YAML (or JSON, which is YAML); throws what CodeBuild shows as the context of DOWNLOAD_SOURCE. */
export function parseBuildspec(text: string): Buildspec {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [syntax] = document.errors;
  if (syntax) throw new YamlFileError(syntax.message);
  if (!isMap(document.contents))
    throw new YamlFileError("The buildspec is no YAML mapping: it needs version and phases");
  return new Reader(document, lines).buildspec(document.contents);
}

class Reader {
  constructor(
    private readonly document: Document,
    private readonly lines: LineCounter,
  ) {}

  buildspec(root: YAMLMap): Buildspec {
    const version = this.#text(root.get("version", true));
    if (version !== "0.1" && version !== "0.2") {
      throw new YamlFileError(`version must be 0.1 or 0.2, got: ${version ?? "none"}`);
    }
    this.#refuse(root, "run-as", "run-as");
    const env = this.#map(root, "env");
    if (env) {
      this.#refuse(env, "parameter-store", "env/parameter-store");
      this.#refuse(env, "secrets-manager", "env/secrets-manager");
    }
    return {
      version,
      shell: this.#shell(env),
      variables: this.#texts(env && this.#map(env, "variables"), "env/variables"),
      exportedVariables: this.#exportedVariables(env),
      phases: this.#phases(root),
    };
  }

  /** A setting that changes what runs must not be passed over in silence. */
  #refuse(map: YAMLMap, key: string, name: string): void {
    const node = this.#node(map, key);
    const empty = isMap(node) ? node.items.length === 0 : node === undefined || this.#text(node) === undefined;
    if (!empty) throw new NotSupportedLocally(`${name} in the buildspec`);
  }

  #shell(env: YAMLMap | undefined): "sh" | "bash" {
    const shell = env && this.#text(this.#node(env, "shell"));
    if (shell === undefined || shell === "sh" || shell === "/bin/sh") return "sh";
    if (shell === "bash") return "bash";
    throw new NotSupportedLocally(`env/shell ${shell} in the buildspec`);
  }

  #exportedVariables(env: YAMLMap | undefined): string[] {
    const names = env ? this.#sequence(env, "exported-variables").map((node) => this.#text(node) ?? "") : [];
    const wrong = names.find((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
    if (wrong !== undefined) throw new YamlFileError(`env/exported-variables: "${wrong}" is no variable name`);
    return names;
  }

  #phases(root: YAMLMap): Buildspec["phases"] {
    const phases = this.#map(root, "phases");
    if (!phases) throw new YamlFileError("phases is required, got: none");
    return Object.fromEntries(
      phases.items.flatMap((pair) => {
        const name = String(pair.key);
        if (!phaseNames.includes(name as PhaseName)) {
          throw new YamlFileError(
            `invalid buildspec phase name: ${name}. Expecting: build,install,post_build,pre_build`,
          );
        }
        const phase = this.#map(phases, name);
        return phase ? [[name, this.#phase(phase, name)]] : [];
      }),
    );
  }

  #phase(phase: YAMLMap, name: string): BuildspecPhase {
    this.#refuse(phase, "run-as", `run-as of phase ${name}`);
    const onFailure = this.#text(this.#node(phase, "on-failure"));
    if (onFailure?.startsWith("RETRY")) throw new NotSupportedLocally(`on-failure ${onFailure} of phase ${name}`);
    if (onFailure !== undefined && onFailure !== "ABORT" && onFailure !== "CONTINUE") {
      throw new YamlFileError(`on-failure of phase ${name} must be ABORT, CONTINUE or RETRY, got: ${onFailure}`);
    }
    return {
      commands: this.#commands(phase, "commands", "Commands"),
      finally: this.#commands(phase, "finally", "Finally"),
      onFailure,
      runtimeVersions: this.#texts(this.#map(phase, "runtime-versions"), "runtime-versions"),
    };
  }

  /** The message for a mapping is AWS's own: `echo a: b` without quotes is one for YAML. */
  #commands(phase: YAMLMap, key: string, title: string): string[] {
    return this.#sequence(phase, key).map((node, index) => {
      if (isScalar(node) && typeof node.value === "string") return node.value;
      const line = node?.range ? this.lines.linePos(node.range[0]).line : 0;
      const expected = `Expected ${title}[${index}] to be of string type`;
      if (isMap(node) || isSeq(node)) {
        throw new YamlFileError(
          `${expected}: found subkeys instead at line ${line}, value of the key tag on line ${line - 1} might be empty`,
        );
      }
      throw new YamlFileError(`${expected}: found ${this.#text(node) ?? "nothing"} instead at line ${line}`);
    });
  }

  #texts(map: YAMLMap | undefined, name: string): Record<string, string> {
    return Object.fromEntries(
      (map?.items ?? []).map((pair) => {
        const key = String(pair.key);
        const value = map && this.#node(map, key);
        if (isMap(value) || isSeq(value)) throw new YamlFileError(`${name}/${key} must be a string`);
        return [key, this.#text(value) ?? ""];
      }),
    );
  }

  #map(map: YAMLMap, key: string): YAMLMap | undefined {
    const node = this.#node(map, key);
    if (isMap(node)) return node;
    if (node === undefined || (isScalar(node) && node.value === null)) return undefined;
    throw new YamlFileError(`${key} must be a mapping`);
  }

  #sequence(map: YAMLMap, key: string): (Node | undefined)[] {
    const node = this.#node(map, key);
    if (isSeq(node)) return node.items.map((item) => this.#resolve(item));
    if (node === undefined || (isScalar(node) && node.value === null)) return [];
    throw new YamlFileError(`${key} must be a sequence`);
  }

  #node(map: YAMLMap, key: string): Node | undefined {
    return this.#resolve(map.get(key, true));
  }

  #resolve(node: unknown): Node | undefined {
    return isAlias(node) ? node.resolve(this.document) : (node as Node | undefined);
  }

  /** A scalar as it is written, so that 1.10 stays 1.10. */
  #text(node: unknown): string | undefined {
    if (!isScalar(node) || node.value === null) return undefined;
    return typeof node.value === "string" ? node.value : node.source;
  }
}

/** CodeBuild takes one text for both: the buildspec itself, or where it lies. */
export function isInlineBuildspec(text: string): boolean {
  return text.includes("\n") || isMap(parseDocument(text).contents);
}
