/** Tells partitions apart: the prefix that the regions of one share, or `aws`. https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html */
export function partition(region: string): string {
  return /^(cn|us-gov|us-iso[a-z]?|eu-isoe|eusc)-/.exec(region)?.[1] ?? "aws";
}

/** The partition as ARNs of a region spell it. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html */
export function arnPartition(region: string): string {
  const name = partition(region);
  if (name === "aws") return name;
  return `aws-${name.replace(/^(us|eu)-iso([a-z])$/, "iso-$2").replace("us-iso", "iso")}`;
}
