/** An environment variable; one that is set but empty counts as not set, as in Terraform and cdktf. */
export function variable(environment: NodeJS.ProcessEnv, name: string): string | undefined {
  const value = environment[name];
  return value === "" ? undefined : value;
}
