import { SsmParameter } from "@cdktf/provider-aws/lib/ssm-parameter";
import { Construct } from "constructs";
import { repositoryParameter } from "../config/outputs";
import { accept } from "./accept";
import { type Outputs, REPOSITORY_URLS } from "./outputs";

const NO_SECRET = "names and URLs for other estates to read, no secrets";

export interface ParametersProps {
  /** Begins the parameters' names, such as `/images`. */
  readonly prefix: string;
  readonly outputs: Outputs;
}

/**
 * Outputs in SSM's Parameter Store: one for each text, and one for the repository of each service, since a parameter holds 4 KB. What other owners
 * must do is for people, and stays with Terraform.
 */
export class Parameters extends Construct {
  constructor(scope: Construct, id: string, { prefix, outputs }: ParametersProps) {
    super(scope, id);
    for (const [name, { value, description }] of Object.entries(outputs)) {
      if (typeof value !== "string" || name.endsWith("_must_add")) continue;
      // Shown in plans, unlike `value`: nothing here is a secret.
      const parameter = new SsmParameter(this, name, {
        name: `${prefix}/${name}`,
        type: "String",
        insecureValue: value,
        description,
      });
      accept(parameter, "CKV2_AWS_34", NO_SECRET);
    }
    const repositories = new Construct(this, "repository");
    for (const [service, url] of Object.entries(outputs[REPOSITORY_URLS]?.value as Record<string, string>)) {
      const parameter = new SsmParameter(repositories, service, {
        name: `${prefix}/${repositoryParameter(service)}`,
        type: "String",
        insecureValue: url,
        description: `The repository of ${service}`,
      });
      accept(parameter, "CKV2_AWS_34", NO_SECRET);
    }
  }
}
