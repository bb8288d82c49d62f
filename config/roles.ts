import * as z from "zod";
import { oneOf } from "./findings";
import * as identifier from "./identifiers";

/** Whose roles function and builds act by, with every default filled in. */
export interface RolesConfig {
  /** Roles that the pipeline makes for builds, one for each service or one for all; or one that exists. */
  readonly builds: (typeof KINDS)[number] | { readonly existing: string };
  /** ARN of the role that starts builds, the function's or that of a direct trigger's rules; absent where the pipeline makes it. */
  readonly function?: string;
  /** Of the roles that the pipeline makes. */
  readonly path?: string;
  /** ARN of a policy, of the roles that the pipeline makes. */
  readonly permissionBoundary?: string;
  /** Begins the names of the roles that the pipeline makes; may be empty. */
  readonly namePrefix: string;
}

const KINDS = ["own", "shared"] as const;

const existing = (whose: string) =>
  z.strictObject({
    existing: identifier.roleArn.meta({
      description: `ARN of the role ${whose}; what it must be allowed is an output of the stack.`,
    }),
  });

const kindRule = (input: unknown, others: string): string => {
  const rule = oneOf(KINDS, input);
  return typeof input === "string" ? rule : `${rule}, or a mapping ${others}`;
};

const mapping = z.strictObject({
  builds: z
    .union([z.enum(KINDS), existing("of all builds, taken as it is")], {
      error: ({ input }) => kindRule(input, "with existing"),
    })
    .meta({ description: "One role for the builds of each service, one for all, or one that exists." })
    .default("own"),
  function: existing("that starts builds, taken as it is")
    .meta({
      description: "The function's role, or that of the rules of a direct trigger. Default: the pipeline makes it.",
    })
    .optional(),
  path: identifier.rolePath.meta({ description: "Path of the roles that are made. Default: /" }).optional(),
  permissionBoundary: identifier.policyArn
    .meta({ description: "ARN of the policy that bounds the roles that are made. Default: none." })
    .optional(),
  namePrefix: identifier.roleNamePrefix
    .meta({ description: "Begins the names of the roles that are made. Default: nothing." })
    .optional(),
});

/** A word, or a mapping that says more. */
export const rolesSchema = z
  .union([z.enum(KINDS), mapping], { error: ({ input }) => kindRule(input, "that says more") })
  .meta({
    description:
      "One role for the builds of each service (own), or one for all of the pipeline (shared); as a mapping also roles that exist, and how those are made that do not.",
  })
  .default("own");

export function resolveRoles(written: z.output<typeof rolesSchema>): RolesConfig {
  if (typeof written === "string") return { builds: written, namePrefix: "" };
  const { builds, function: startBuild, path, permissionBoundary, namePrefix = "" } = written;
  return {
    builds,
    ...(startBuild && { function: startBuild.existing }),
    ...(path !== undefined && { path }),
    ...(permissionBoundary !== undefined && { permissionBoundary }),
    namePrefix,
  };
}
