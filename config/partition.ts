/** Tells partitions apart: the prefix that the regions of one share, or `aws`. https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html */
export function partition(region: string): string {
  return /^(cn|us-gov|us-iso[a-z]?|eu-isoe|eusc)-/.exec(region)?.[1] ?? "aws";
}
