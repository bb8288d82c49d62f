import type { VpcConfig } from "../vpc";
import type { Place } from "./place";
import type { Statement } from "./statement";

/** What describes parts of a VPC knows no resource: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html */
const EVERYTHING = "*";

/**
 * Lets CodeBuild put a build into the subnets: interfaces there and nowhere else, for CodeBuild and for no other service.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/auth-and-access-control-iam-identity-based-access-control.html#customer-managed-policies-example-create-vpc-network-interface
 */
export function mayRunInVpc(vpc: VpcConfig | undefined, place: Place): Statement[] {
  if (vpc === undefined) return [];
  const interfaces = place.arn("ec2", "network-interface/*");
  const subnets = arnsOf(vpc.subnets, "subnet", vpc, place);
  return [
    {
      Sid: "FindNetwork",
      Effect: "Allow",
      Action: [
        "ec2:DescribeDhcpOptions",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcs",
      ],
      Resource: EVERYTHING,
    },
    mayCreateInterfaces(vpc, place),
    { Sid: "LeaveNetwork", Effect: "Allow", Action: "ec2:DeleteNetworkInterface", Resource: interfaces },
    {
      Sid: "LendInterfaces",
      Effect: "Allow",
      Action: "ec2:CreateNetworkInterfacePermission",
      Resource: interfaces,
      Condition: {
        StringEquals: { "ec2:AuthorizedService": place.principal("codebuild") },
        ArnEquals: { "ec2:Subnet": subnets },
      },
    },
  ];
}

/**
 * Lets Lambda put the function into the subnets.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
 */
export function functionMayRunInVpc(vpc: VpcConfig | undefined, place: Place): Statement[] {
  if (!vpc?.function) return [];
  return [
    {
      Sid: "FindNetwork",
      Effect: "Allow",
      Action: ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"],
      Resource: EVERYTHING,
    },
    mayCreateInterfaces(vpc, place),
    {
      Sid: "LeaveNetwork",
      Effect: "Allow",
      Action: ["ec2:AssignPrivateIpAddresses", "ec2:DeleteNetworkInterface", "ec2:UnassignPrivateIpAddresses"],
      // Lambda refuses a role that may delete some kinds of resources by this action only.
      Resource: place.arn("ec2", "*/*"),
    },
  ];
}

function mayCreateInterfaces(vpc: VpcConfig, place: Place): Statement {
  return {
    Sid: "EnterNetwork",
    Effect: "Allow",
    Action: "ec2:CreateNetworkInterface",
    Resource: [
      place.arn("ec2", "network-interface/*"),
      ...arnsOf(vpc.subnets, "subnet", vpc, place),
      ...arnsOf(vpc.securityGroups, "security-group", vpc, place),
    ],
  };
}

/** Security groups may be shared along with the subnets, or be made beside: their ids are unique either way. */
function arnsOf(
  ids: readonly string[],
  kind: "subnet" | "security-group",
  { account }: VpcConfig,
  place: Place,
): string[] {
  const accounts = kind === "subnet" || account === undefined ? [account] : [account, undefined];
  return ids.flatMap((id) => accounts.map((owner) => place.arn("ec2", `${kind}/${id}`, owner)));
}
