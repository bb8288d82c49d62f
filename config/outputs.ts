import * as z from "zod";
import * as field from "./fields";

/** Where outputs go beside Terraform's own. */
export interface OutputsConfig {
  readonly ssm?: { readonly prefix: string };
}

/** Name of the parameter for the repository of a service, after the prefix. */
export function repositoryParameter(service: string): string {
  return `repository/${service}`;
}

export const outputsSchema = z
  .strictObject({
    ssm: z
      .strictObject({
        prefix: field.parameterPrefix.meta({
          description:
            "Begins the names of the parameters, such as /images: /images/bucket, /images/repository/<service>.",
        }),
      })
      .meta({ description: "Write outputs to SSM's Parameter Store, for estates that must not read the state." })
      .optional(),
  })
  .meta({ description: "Who else is told what was made: docs/outputs.md." })
  .prefault({});
