import * as z from "zod";
import * as field from "./fields";
import { mappingOf } from "./findings";
import * as limits from "./limits";

const ARCHITECTURES = ["x86_64", "arm64"] as const;

type Architecture = (typeof ARCHITECTURES)[number];
type ComputeType = (typeof limits.EC2_COMPUTE_TYPES)[number] | (typeof limits.LAMBDA_COMPUTE_TYPES)[number];

/** Where builds run, with every default filled in. */
export interface ComputeConfig {
  readonly type: ComputeType;
  readonly architecture: Architecture;
  /** The container image that builds run in. */
  readonly image: string;
  /** CodeBuild's name for kind and architecture together. */
  readonly environmentType: (typeof ENVIRONMENTS)[Kind][Architecture]["type"];
}

/** Machines of EC2, or Lambda. */
type Kind = "EC2" | "Lambda";

/** What kind and architecture make: https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-compute-types.html */
const ENVIRONMENTS = {
  EC2: {
    x86_64: { type: "LINUX_CONTAINER", image: "aws/codebuild/amazonlinux-x86_64-standard:5.0" },
    arm64: { type: "ARM_CONTAINER", image: "aws/codebuild/amazonlinux-aarch64-standard:3.0" },
  },
  Lambda: {
    x86_64: { type: "LINUX_LAMBDA_CONTAINER", image: "aws/codebuild/amazonlinux-x86_64-lambda-standard:nodejs22" },
    arm64: { type: "ARM_LAMBDA_CONTAINER", image: "aws/codebuild/amazonlinux-aarch64-lambda-standard:nodejs22" },
  },
} as const satisfies Record<Kind, Record<Architecture, { type: string; image: string }>>;

const type = z.enum([...limits.EC2_COMPUTE_TYPES, ...limits.LAMBDA_COMPUTE_TYPES]).meta({
  description: "Size of the build machine: BUILD_GENERAL1_ on EC2, BUILD_LAMBDA_ on Lambda compute.",
});
const architecture = z
  .enum(ARCHITECTURES)
  .meta({ description: "Processor of the build machine; of images, any can be published on either." });
const image = field.buildImage.meta({
  description:
    "Container image that the build runs in: Linux with Node.js 22, with publisher docker also docker and the AWS CLI. Default: CodeBuild's own for type and architecture.",
});

const DESCRIPTION = "Where the builds run.";

export const serviceCompute = z
  .strictObject(
    { type: type.optional(), architecture: architecture.optional(), image: image.optional() },
    { error: mappingOf("type") },
  )
  .meta({ description: DESCRIPTION });

export const defaultCompute = z
  .strictObject(
    {
      type: type.default("BUILD_GENERAL1_SMALL"),
      architecture: architecture.default("x86_64"),
      image: image.optional(),
    },
    { error: mappingOf("type") },
  )
  .meta({ description: DESCRIPTION })
  .prefault({});

export function resolveCompute(
  own: z.output<typeof serviceCompute> | undefined,
  defaults: z.output<typeof defaultCompute>,
): ComputeConfig {
  const chosen = {
    type: own?.type ?? defaults.type,
    architecture: own?.architecture ?? defaults.architecture,
  };
  const environment = ENVIRONMENTS[kindOf(chosen)][chosen.architecture];
  const chosenImage = own?.image ?? defaults.image ?? environment.image;
  return { ...chosen, image: chosenImage, environmentType: environment.type };
}

/** On Lambda compute, which lacks much of what EC2 has. */
export function isLambdaCompute(compute: Pick<ComputeConfig, "type">): boolean {
  return compute.type.startsWith("BUILD_LAMBDA_");
}

function kindOf(compute: Pick<ComputeConfig, "type">): Kind {
  return isLambdaCompute(compute) ? "Lambda" : "EC2";
}

/** What an image of CodeBuild's own is made for, by its name; nothing is known of other images. */
function curatedFor(name: string): { readonly kind: Kind; readonly architecture: Architecture } | undefined {
  if (!name.startsWith("aws/codebuild/")) return undefined;
  return {
    kind: name.includes("-lambda-") ? "Lambda" : "EC2",
    architecture: name.includes("aarch64") ? "arm64" : "x86_64",
  };
}

/** What the image of CodeBuild's own was made for, where that is not where it shall run. */
export function imageMismatch(compute: ComputeConfig): string | undefined {
  const made = curatedFor(compute.image);
  const kind = kindOf(compute);
  if (made === undefined || (made.kind === kind && made.architecture === compute.architecture)) return undefined;
  const { image: fitting } = ENVIRONMENTS[kind][compute.architecture];
  return `must go together: ${compute.image} is an image for ${made.architecture} on ${made.kind}, type ${compute.type} with architecture ${compute.architecture} needs one for ${compute.architecture} on ${kind}, such as ${fitting}`;
}

/** A repository of a private ECR registry, as the name of an image in it tells. */
export interface PrivateRepository {
  /** All but tag and digest: `<account>.dkr.ecr.<region>.<suffix>/<repository>`. */
  readonly url: string;
  readonly account: string;
  readonly region: string;
  readonly repository: string;
}

/** Where a build image lies in private ECR; nothing where it comes from elsewhere. */
export function privateRepository({ image }: Pick<ComputeConfig, "image">): PrivateRepository | undefined {
  const [, url, account, region, repository] =
    /^(([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.[a-z0-9.-]+\/([^:@]+))/.exec(image) ?? [];
  if (url === undefined || account === undefined || region === undefined || repository === undefined) return undefined;
  return { url, account, region, repository };
}

/**
 * CodeBuild can choose among several versions of a runtime. Its images for EC2 can; images of one's own cannot, and those for Lambda
 * hold a single version and no list of others.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/runtime-versions.html
 * https://github.com/aws/aws-codebuild-docker-images/tree/master/al-lambda
 */
export function selectsRuntimes(compute: Pick<ComputeConfig, "image">): boolean {
  return curatedFor(compute.image)?.kind === "EC2";
}
