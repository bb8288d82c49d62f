import { AssumeRoleCommand, STSClient, STSServiceException } from "@aws-sdk/client-sts";
import type { ProviderConfig } from "../../config/provider";
import type { Access } from "./account";
import type { Report } from "./report";

export type Role = NonNullable<ProviderConfig["assumeRole"]>;

/** AWS demands a name for the session: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
const SESSION_NAME = "preflight";

/** AWS does not lend the role. */
export class AssumeRoleError extends Error {
  override readonly name = "AssumeRoleError";
  /** What must hold where the role is configured, and does not. */
  readonly rule: string;

  constructor(role: Role, cause: STSServiceException) {
    const said = `${cause.name}: ${cause.message.replace(/\.$/, "")}`;
    const rule = `must be a role that the credentials here may assume, and AWS says ${said}; ${remedyOf(role, cause)}`;
    super(`${role.roleArn} ${rule}`, { cause });
    this.rule = rule;
  }
}

function remedyOf({ externalId }: Role, { name }: STSServiceException): string {
  // https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
  if (name === "AccessDenied" || name === "AccessDeniedException") {
    const asked =
      externalId === undefined ? "without an externalId" : `with the externalId ${JSON.stringify(externalId)}`;
    return `have its trust policy let them in ${asked}, and allow them sts:AssumeRole on it; or take other credentials`;
  }
  if (/^(ExpiredToken|InvalidClientTokenId|SignatureDoesNotMatch|UnrecognizedClient)/.test(name))
    return "log in to AWS again, or set AWS_PROFILE";
  return "correct what that names, or take other credentials";
}

/** Where a role is configured. */
interface Place {
  readonly path: readonly string[];
  readonly region: string;
  /** What the role is lent to. @default - the credentials of the surroundings */
  readonly access?: Access;
}

/** What is seen with a role's credentials, where there is a role; where it is not lent, nothing but that is found. */
export async function asRole(
  role: Role | undefined,
  { path, region, access }: Place,
  look: (access: Access | undefined) => Promise<Report>,
): Promise<Report> {
  if (role === undefined) return look(access);
  const lent = await assumeRole(role, region, access).catch((error: unknown) => {
    if (error instanceof AssumeRoleError) return error;
    throw error;
  });
  if (!(lent instanceof AssumeRoleError)) return look(lent);
  return { errors: [{ path, rule: lent.rule, value: role.roleArn }], notes: [] };
}

/**
 * Credentials of a role, lent to those that are given, as Terraform has them lent.
 * https://registry.terraform.io/providers/hashicorp/aws/5.100.0/docs#assuming-an-iam-role
 * @throws AssumeRoleError
 */
export async function assumeRole(role: Role, region: string, access: Access = {}): Promise<Access> {
  const sts = new STSClient({ region, ...access });
  try {
    const { roleArn, externalId, sessionName = SESSION_NAME } = role;
    const { Credentials } = await sts.send(
      new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: sessionName, ExternalId: externalId }),
    );
    const { AccessKeyId: accessKeyId = "", SecretAccessKey: secretAccessKey = "", SessionToken } = Credentials ?? {};
    return { credentials: { accessKeyId, secretAccessKey, sessionToken: SessionToken } };
  } catch (error) {
    throw error instanceof STSServiceException ? new AssumeRoleError(role, error) : error;
  } finally {
    sts.destroy();
  }
}
