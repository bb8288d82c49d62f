import { word } from "./shell";

/** What an applied pipeline is destroyed by. */
export interface Applied {
  readonly profile: string;
  readonly region: string;
  readonly bucket: string;
  readonly repository: string;
  /** Where the stack and its state are. */
  readonly directory: string;
}

/**
 * How somebody destroys it in a shell of their own. Terraform destroys neither a bucket nor a repository that holds something; a repository
 * that is gone is none of its business.
 */
export function howToDestroy({ profile, region, bucket, repository, directory }: Applied): string {
  const account = `AWS_PROFILE=${word(profile)} AWS_REGION=${word(region)}`;
  const versions = `aws s3api list-object-versions --bucket ${bucket} --output json --query '{Objects: [Versions, DeleteMarkers][].{Key: Key, VersionId: VersionId}}'`;
  return `To destroy what is left, in a shell; a line that finds nothing to delete may fail:

  export ${account}
  aws s3api delete-objects --bucket ${bucket} --delete "$(${versions})"
  aws ecr delete-repository --repository-name ${repository} --force
  cd ${word(directory)} && ${account} terraform destroy
`;
}
