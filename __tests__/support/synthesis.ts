import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App } from "cdktf";
import { parsePipeline } from "../../config/parse";
import type { PipelineConfig, PipelineInput } from "../../config/schema";
import { PipelineStack } from "../../infrastructure/stack";

type Json = Readonly<Record<string, unknown>>;

/** A resource or data source as it is written. */
type Block = Json & { readonly depends_on?: readonly string[] };

/** What Terraform's data sources answer in the account that the tests pretend to apply to. */
export interface Account {
  readonly partition: string;
  readonly region: string;
  readonly suffix: string;
}

export const ACCOUNTS: readonly Account[] = [
  { partition: "aws", region: "us-east-1", suffix: "amazonaws.com" },
  { partition: "aws-cn", region: "cn-north-1", suffix: "amazonaws.com.cn" },
  { partition: "aws-us-gov", region: "us-gov-west-1", suffix: "amazonaws.com" },
];
const ACCOUNT_ID = "111122223333";

/** Every way from the upload to the build, by what people call it. */
export const TRIGGERS = {
  queue: "queue",
  lambda: "lambda",
  topic: "topic",
  "existing topic": { topic: { existing: "image-events", rawDelivery: false } },
  eventbridge: "eventbridge",
  "eventbridge, direct": { eventbridge: { direct: true } },
  cloudtrail: "cloudtrail",
  "cloudtrail with a trail": { cloudtrail: { trail: true, maxWait: 3, checkInterval: 7 } },
} as const satisfies Readonly<Record<string, PipelineInput["trigger"]>>;

export const TRIGGER_NAMES = Object.keys(TRIGGERS) as (keyof typeof TRIGGERS)[];

/** A pipeline of one service, `api`, unless said otherwise. */
export function pipelineInput(changes: Partial<PipelineInput> = {}): PipelineInput {
  return { name: "images", region: "us-east-1", bucket: "image-drops", services: ["api"], ...changes };
}

/** Synthesises the pipeline as main.ts does, and reads it back as Terraform would. */
export function synthesise(changes: Partial<PipelineInput> = {}): Synthesis {
  return synthesiseConfig(parsePipeline(pipelineInput(changes)));
}

export function synthesiseConfig(config: PipelineConfig): Synthesis {
  const outdir = mkdtempSync(join(tmpdir(), "synthesis-"));
  try {
    const stack = new PipelineStack(new App({ outdir, stackTraces: false }), config);
    stack.prepareStack();
    return new Synthesis(stack.toTerraform() as Json);
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

/** A stack, with every reference replaced by what it will be. */
export class Synthesis {
  /** The JSON as it is written. */
  readonly text: string;
  readonly terraform: Json;
  readonly output: Readonly<Record<string, { readonly value: unknown; readonly description?: string }>>;
  readonly provider: Readonly<Record<string, readonly Json[]>>;
  readonly #resources: Blocks;
  readonly #data: Blocks;
  readonly #account: Account;

  constructor(json: Json) {
    this.text = JSON.stringify(json);
    this.#resources = json.resource as Blocks;
    this.#data = json.data as Blocks;
    this.provider = json.provider as Synthesis["provider"];
    const region = this.provider.aws?.[0]?.region;
    this.#account = ACCOUNTS.find((account) => account.region === region) ?? ACCOUNTS[0]!;
    this.terraform = json.terraform as Json;
    this.output = this.#evaluate(json.output) as Synthesis["output"];
  }

  /** How many resources there are of each type. */
  counts(): Record<string, number> {
    const entries = Object.entries(this.#resources).map(
      ([type, blocks]) => [type, Object.keys(blocks).length] as const,
    );
    return Object.fromEntries(entries);
  }

  /** The arguments of the one resource of this type whose path ends so: `services/api/project`. */
  resource(type: string, path = ""): Json {
    return this.#evaluate(find(this.#resources, type, path)) as Json;
  }

  data(type: string, path = ""): Json {
    return this.#evaluate(find(this.#data, type, path)) as Json;
  }

  /** Paths of the resources that this one waits for, as `type path`. */
  dependencies(type: string, path = ""): string[] {
    return (find(this.#resources, type, path).depends_on ?? []).map((address) => {
      const [dependency = "", id = ""] = address.split(".");
      return `${dependency} ${pathOf(this.#resources[dependency]?.[id])}`;
    });
  }

  /** All resources as `type.id`, without evaluation: what a plan would compare, so not what they wait for. */
  written(): Map<string, string> {
    return new Map(
      Object.entries(this.#resources).flatMap(([type, blocks]) =>
        Object.entries(blocks).map(([id, block]): [string, string] => [
          `${type}.${id}`,
          JSON.stringify({ ...block, depends_on: undefined }),
        ]),
      ),
    );
  }

  /** Addresses of what Terraform forgets and leaves as it is. */
  forgotten(): string[] {
    const { removed = [] } = JSON.parse(this.text) as { removed?: { from: string; lifecycle: object }[] };
    expect(removed).toStrictEqual(removed.map(({ from }) => ({ from, lifecycle: { destroy: false } })));
    return removed.map(({ from }) => from);
  }

  /** Every policy document of the stack, by `type path attribute`. */
  policies(): Map<string, Policy> {
    const found = Object.entries(this.#resources).flatMap(([type, blocks]) =>
      Object.values(blocks).flatMap((block) =>
        ["policy", "assume_role_policy"].flatMap((attribute): [string, Policy][] => {
          const text = block[attribute];
          if (typeof text !== "string" || type === "aws_ecr_lifecycle_policy") return [];
          return [[`${type} ${pathOf(block)} ${attribute}`, JSON.parse(this.#fill(text)) as Policy]];
        }),
      ),
    );
    return new Map(found);
  }

  #evaluate(value: unknown): unknown {
    if (typeof value === "string") return this.#fill(value);
    if (Array.isArray(value)) return value.map((item) => this.#evaluate(item));
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value).filter(([key]) => key !== "//" && key !== "depends_on");
    return Object.fromEntries(entries.map(([key, item]) => [key, this.#evaluate(item)]));
  }

  /** Terraform's string templates, as far as the stacks use them: escapes and references to an attribute. */
  #fill(template: string): string {
    return template.replace(
      /([$%])\1\{|\$\{(data\.)?(\w+)\.([\w-]+)\.(\w+)\}/g,
      (match, escaped, data, type, id, attribute) => {
        if (escaped !== undefined) return match.slice(1);
        const block = (data === undefined ? this.#resources : this.#data)[type as string]?.[id as string];
        if (block === undefined) throw new Error(`${match} refers to nothing`);
        return data === undefined
          ? this.#attribute(type as string, block, attribute as string)
          : this.#answer(type as string, block, attribute as string);
      },
    );
  }

  #attribute(type: string, block: Block, attribute: string): string {
    const { partition, region, suffix } = this.#account;
    const name = this.#fill(String(block.name ?? block.function_name ?? block.bucket));
    const arns: Readonly<Record<string, string>> = {
      aws_cloudwatch_log_group: `logs:${region}:${ACCOUNT_ID}:log-group:${name}`,
      aws_codebuild_project: `codebuild:${region}:${ACCOUNT_ID}:project/${name}`,
      aws_ecr_repository: `ecr:${region}:${ACCOUNT_ID}:repository/${name}`,
      aws_iam_role: `iam::${ACCOUNT_ID}:role${typeof block.path === "string" ? block.path : "/"}${name}`,
      aws_lambda_function: `lambda:${region}:${ACCOUNT_ID}:function:${name}`,
      aws_s3_bucket: `s3:::${name}`,
      aws_sns_topic: `sns:${region}:${ACCOUNT_ID}:${name}`,
      aws_sqs_queue: `sqs:${region}:${ACCOUNT_ID}:${name}`,
    };
    if (attribute === "arn" && type in arns) return `arn:${partition}:${arns[type]!}`;
    if (attribute === "url") return `https://sqs.${region}.${suffix}/${ACCOUNT_ID}/${name}`;
    if (attribute === "repository_url") return `${ACCOUNT_ID}.dkr.ecr.${region}.${suffix}/${name}`;
    if (attribute === "id" && type === "aws_s3_bucket") return name;
    if (attribute === "version_id") return `version-id-of-${this.#fill(String(block.key))}`;
    const own = block[attribute];
    if (typeof own !== "string") throw new Error(`${type} has no known ${attribute}`);
    return this.#fill(own);
  }

  #answer(type: string, block: Block, attribute: string): string {
    const { partition, region, suffix } = this.#account;
    const answers: Readonly<Record<string, string>> = {
      "aws_caller_identity.account_id": ACCOUNT_ID,
      "aws_partition.partition": partition,
      "aws_partition.dns_suffix": suffix,
      "aws_region.id": region,
      // In China, of the services here only this one ends otherwise.
      "aws_service_principal.name": `${String(block.service_name)}.${block.service_name === "logs" ? suffix : "amazonaws.com"}`,
      "aws_service_principal.suffix": block.service_name === "logs" ? suffix : "amazonaws.com",
      "archive_file.output_md5": `md5-of-${String(block.source_dir)}`,
      "archive_file.output_base64sha256": `base64-sha256-of-${String(block.source_dir)}`,
    };
    const answer = answers[`${type}.${attribute}`];
    if (answer === undefined) throw new Error(`data ${type} has no known ${attribute}`);
    return answer;
  }
}

type Blocks = Readonly<Record<string, Readonly<Record<string, Block>>>>;

interface Policy {
  readonly Version: string;
  readonly Statement: readonly Json[];
}

function find(blocks: Blocks, type: string, path: string): Block {
  const found = Object.values(blocks[type] ?? {}).filter((block) => pathOf(block).endsWith(path));
  const [block] = found;
  if (block === undefined || found.length > 1) throw new Error(`${found.length} blocks of ${type} end in "${path}"`);
  return block;
}

function pathOf(block: Block | undefined): string {
  const { metadata } = (block?.["//"] ?? {}) as { readonly metadata?: { readonly path: string } };
  return metadata?.path ?? "";
}
