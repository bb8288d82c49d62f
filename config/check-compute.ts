import { imageMismatch, isLambdaCompute } from "./compute";
import type { Finding } from "./findings";
import * as limits from "./limits";
import { partition } from "./partition";
import type { Draft } from "./resolve";
import type { PipelineConfig } from "./schema";

/** Where builds are to run that cannot run there. What comes from defaults is found once. */
export function checkCompute(draft: Draft): Finding[] {
  const { config, written } = draft;
  const found = new Map<string, Finding>();
  config.services.forEach((service, index) => {
    const own = written.services[index];
    const path = ["services", draft.places[index] ?? index];
    const checked = new Service(typeof own === "object" ? own : {}, path, service.compute, config);
    for (const finding of checked.findings()) found.set(`${finding.path.join(".")} ${finding.rule}`, finding);
  });
  return [...found.values(), ...checkDefaultTimeouts(draft)];
}

type Written = Partial<Exclude<Draft["written"]["services"][number], string>>;

class Service {
  constructor(
    private readonly own: Written,
    private readonly path: Finding["path"],
    private readonly compute: PipelineConfig["services"][number]["compute"],
    private readonly pipeline: PipelineConfig,
  ) {}

  findings(): Finding[] {
    const mismatch = imageMismatch(this.compute);
    return [
      ...(mismatch === undefined ? [] : [{ path: this.#pathOfMismatch(), rule: mismatch }]),
      ...this.#checkRegistry(),
      ...(isLambdaCompute(this.compute) ? [...this.#checkPlace(), ...this.#checkTimeouts()] : []),
    ];
  }

  /** What the service itself says of its compute is to blame, be the rest of defaults. */
  #pathOfMismatch(): Finding["path"] {
    const { compute } = this.own;
    if (compute?.image !== undefined) return [...this.path, "compute", "image"];
    const isOwn = compute?.type !== undefined || compute?.architecture !== undefined;
    return isOwn ? [...this.path, "compute"] : ["defaults", "compute", "image"];
  }

  #checkRegistry(): Finding[] {
    const { image } = this.compute;
    if (partition(this.pipeline.region) !== "cn" || !image.startsWith("public.ecr.aws/")) return [];
    const path =
      this.own.compute?.image === undefined ? ["defaults", "compute", "image"] : [...this.path, "compute", "image"];
    const rule = `must not be an image of ECR Public in ${this.pipeline.region}, which does not have it: copy it to a repository of your account and name that`;
    return [{ path, rule, value: image }];
  }

  #checkPlace(): Finding[] {
    const { publisher, region } = this.pipeline;
    const rules: string[] = [];
    if (publisher === "docker") {
      rules.push(
        "must not be Lambda compute with publisher docker, which needs privileged mode: take a BUILD_GENERAL1 type, or publisher stream",
      );
    }
    if (partition(region) !== "aws") {
      rules.push(
        `must not be Lambda compute in ${region}, where CodeBuild does not offer it: take a BUILD_GENERAL1 type`,
      );
    }
    const path =
      this.own.compute?.type === undefined ? ["defaults", "compute", "type"] : [...this.path, "compute", "type"];
    return rules.map((rule) => ({ path, rule, value: this.compute.type }));
  }

  #checkTimeouts(): Finding[] {
    return TIMEOUTS.flatMap((option) => {
      const value = this.own[option];
      return value === undefined ? [] : [{ path: [...this.path, option], rule: refuseTimeout(option), value }];
    });
  }
}

const TIMEOUTS = ["buildTimeout", "queuedTimeout"] as const;

function refuseTimeout(option: (typeof TIMEOUTS)[number]): string {
  const fixed =
    option === "buildTimeout"
      ? `every build has ${limits.LAMBDA_TIMEOUT_MINUTES} minutes`
      : "no build waits for a machine";
  return `must not be given for Lambda compute, where ${fixed}: remove it, or take a BUILD_GENERAL1 type`;
}

/** In defaults they are for the services on EC2, of which there has to be one. */
function checkDefaultTimeouts({ config: { services }, written: { defaults } }: Draft): Finding[] {
  if (services.length === 0 || !services.every(({ compute }) => isLambdaCompute(compute))) return [];
  return TIMEOUTS.flatMap((option) => {
    const value = defaults[option];
    return value === undefined ? [] : [{ path: ["defaults", option], rule: refuseTimeout(option), value }];
  });
}

/** Where the documentation may lag behind AWS. */
export function warnCompute({ region, services }: PipelineConfig): Finding[] {
  const lambda = services.find(({ compute }) => isLambdaCompute(compute));
  if (!lambda || (limits.LAMBDA_COMPUTE_REGIONS as readonly string[]).includes(region)) return [];
  const rule = `must offer Lambda compute for CodeBuild, on which ${lambda.name} builds; when this was written, only ${limits.LAMBDA_COMPUTE_REGIONS.join(", ")} did`;
  return [{ path: ["region"], rule, value: region }];
}
