import type { Iam, RolePrincipal } from "../iam";
import { AccessDeniedError, UndecidedError } from "../iam/errors";
import { DeniedError } from "./errors";
import type { RegistryHost } from "./hosts";
import type { RepositoryRoute } from "./routes";

/** Decides who may do what in ECR's registries. */
export type RegistryIam = Pick<Iam, "authorize" | "holderOf">;

/** Whom Basic credentials, base64, stand for; undefined for those that the ECR API itself hands out, which may do everything. */
export function holderOf(iam: RegistryIam, credentials: string): RolePrincipal | undefined {
  return iam.holderOf(Buffer.from(credentials, "base64").toString("utf8").replace(/^AWS:/, ""));
}

/** @throws DeniedError in ECR's words, or in those of a policy that is not understood: nobody is to try that again */
export async function checkAllowed(
  iam: RegistryIam,
  principal: RolePrincipal,
  { account, region }: RegistryHost,
  method: string,
  route: RepositoryRoute,
): Promise<void> {
  const partition = principal.roleArn.split(":")[1] ?? "";
  const resource = `arn:${partition}:ecr:${region}:${account}:repository/${route.repository}`;
  try {
    await iam.authorize({ principal, action: `ecr:${operationOf(method, route)}`, resource });
  } catch (error) {
    if (error instanceof AccessDeniedError || error instanceof UndecidedError) throw new DeniedError(error);
    throw error;
  }
}

/**
 * The operation of ECR's API whose permission a request of a docker client takes.
 * https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
 */
function operationOf(method: string, { kind }: RepositoryRoute): string {
  switch (kind) {
    case "blob":
      return method === "GET" ? "GetDownloadUrlForLayer" : "BatchCheckLayerAvailability";
    case "uploads":
      return "InitiateLayerUpload";
    case "upload":
      return method === "PUT" ? "CompleteLayerUpload" : "UploadLayerPart";
    case "manifest":
      if (method === "DELETE") return "BatchDeleteImage";
      return method === "PUT" ? "PutImage" : "BatchGetImage";
    case "tags":
      return "ListImages";
  }
}
