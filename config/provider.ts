import * as z from "zod";
import * as identifier from "./identifiers";

/** How Terraform's AWS provider gets into the account, and which accounts it may touch. */
export interface ProviderConfig {
  readonly assumeRole?: { readonly roleArn: string; readonly externalId?: string; readonly sessionName?: string };
  /** Empty for any. */
  readonly allowedAccountIds: readonly string[];
}

export const providerSchema = z
  .strictObject({
    assumeRole: z
      .strictObject({
        roleArn: identifier.roleArn.meta({ description: "ARN of the role that deploys." }),
        externalId: identifier.externalId
          .meta({ description: "External id that the role asks for. Default: none." })
          .optional(),
        sessionName: identifier.sessionName
          .meta({ description: "Name of the session in CloudTrail. Default: the provider's." })
          .optional(),
      })
      .meta({ description: "Role that Terraform assumes before it plans and applies. Default: none." })
      .optional(),
    allowedAccountIds: z
      .array(identifier.accountId)
      .min(1, "must list at least one account, or be left out")
      .meta({
        description:
          "Accounts that Terraform may touch; it stops before it reads anything of another one. Default: any.",
        uniqueItems: true,
      })
      .optional(),
  })
  .meta({ description: "Terraform's AWS provider." })
  .prefault({});

/** The account that the pipeline is in, where the configuration tells: Terraform stops in any other. */
export function ownAccount({ allowedAccountIds }: ProviderConfig): string | undefined {
  return allowedAccountIds.length === 1 ? allowedAccountIds[0] : undefined;
}

export function resolveProvider({
  assumeRole,
  allowedAccountIds = [],
}: z.output<typeof providerSchema>): ProviderConfig {
  if (!assumeRole) return { allowedAccountIds };
  const { roleArn, externalId, sessionName } = assumeRole;
  return {
    assumeRole: {
      roleArn,
      ...(externalId !== undefined && { externalId }),
      ...(sessionName !== undefined && { sessionName }),
    },
    allowedAccountIds,
  };
}
