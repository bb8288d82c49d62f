import { MissingEnvironmentError } from "./errors";

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/**
 * Stands for the SDK's chain of credential providers in the function's bundle (infrastructure/bundle.ts): Lambda hands the
 * role's credentials over in the environment, and the chain's other eight sources are two fifths of the bundle.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
 */
export function defaultProvider(): () => Promise<Credentials> {
  return () => Promise.resolve(fromEnvironment(process.env));
}

function fromEnvironment(environment: NodeJS.ProcessEnv): Credentials {
  const sessionToken = environment.AWS_SESSION_TOKEN;
  return {
    accessKeyId: required(environment, "AWS_ACCESS_KEY_ID"),
    secretAccessKey: required(environment, "AWS_SECRET_ACCESS_KEY"),
    ...(sessionToken && { sessionToken }),
  };
}

function required(environment: NodeJS.ProcessEnv, variable: string): string {
  const value = environment[variable];
  if (!value) throw new MissingEnvironmentError(variable, "Lambda sets it from the function's role");
  return value;
}
