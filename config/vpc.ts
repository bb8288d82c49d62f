import * as z from "zod";
import * as identifier from "./identifiers";
import * as limits from "./limits";

/** The VPC that builds run in, with every default filled in. */
export interface VpcConfig {
  readonly id: string;
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  /** Account that shares the subnets; absent where they are the pipeline's account's. */
  readonly account?: string;
  /** The subnets have a way to the internet. */
  readonly nat: boolean;
  /** VPC endpoints that the subnets reach. */
  readonly endpoints: readonly Endpoint[];
  /** The function runs there, too. */
  readonly function: boolean;
}

/** The last parts of the names of VPC endpoint services. https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html */
const ENDPOINTS = ["s3", "ecr.api", "ecr.dkr", "logs", "codebuild"] as const;
type Endpoint = (typeof ENDPOINTS)[number];

/**
 * What the programs call: the tools zip, drops and ECR's layers lie in S3, the rest is ECR and the log.
 * https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
 */
const NEEDED_BY_BUILDS: readonly Endpoint[] = ["s3", "ecr.api", "ecr.dkr", "logs"];

/** Lambda itself reads the queue and writes the log, both outside the VPC. */
const NEEDED_BY_FUNCTION: readonly Endpoint[] = ["codebuild"];

const listOf = (item: z.ZodString, what: string, { max }: { readonly max: number }) =>
  z
    .array(item)
    .min(1, `must list at least one ${what}`)
    .max(max, `must list at most ${max} ${what}s`)
    .meta({ uniqueItems: true });

export const vpcSchema = z
  .strictObject({
    id: identifier.vpcId.meta({ description: "Id of the VPC." }),
    subnets: listOf(identifier.subnetId, "subnet", limits.VPC_SUBNETS).meta({
      description: `Ids of its subnets, private ones, at most ${limits.VPC_SUBNETS.max}.`,
    }),
    securityGroups: listOf(identifier.securityGroupId, "security group", limits.VPC_SECURITY_GROUPS).meta({
      description: `Ids of security groups that let HTTPS out, at most ${limits.VPC_SECURITY_GROUPS.max}.`,
    }),
    account: identifier.accountId
      .meta({ description: "Account that shares the subnets with the pipeline's. Default: the pipeline's." })
      .optional(),
    nat: z.boolean().meta({ description: "The subnets have a NAT gateway, or another way out." }).default(false),
    endpoints: z
      .array(z.enum(ENDPOINTS))
      .meta({
        description: `VPC endpoints that the subnets reach. Without nat, builds need ${NEEDED_BY_BUILDS.join(", ")}, the function ${NEEDED_BY_FUNCTION.join(", ")}.`,
        uniqueItems: true,
      })
      .default([]),
    function: z.boolean().meta({ description: "The function runs in the VPC as well." }).default(false),
  })
  .meta({ description: "VPC that the builds run in, taken as it is. Default: none." });

export function resolveVpc({ account, ...rest }: z.output<typeof vpcSchema>): VpcConfig {
  return { ...rest, ...(account !== undefined && { account }) };
}

/** Endpoints without which a build, or the function, hangs until it times out. */
export function missingEndpoints({ nat, endpoints, function: withFunction }: VpcConfig): readonly string[] {
  if (nat) return [];
  const needed = [...NEEDED_BY_BUILDS, ...(withFunction ? NEEDED_BY_FUNCTION : [])];
  return needed.filter((name) => !endpoints.includes(name));
}
