/**
 * What publish-image uses of the AWS SDK, a file of its own beside it: from a file on the disk to a registry that is not ECR's, none of it is
 * loaded, and Node would take longer to read it than a small update to publish.
 */
export { DescribeImagesCommand, ECRClient, GetAuthorizationTokenCommand } from "@aws-sdk/client-ecr";
export {
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  S3Client,
  S3ServiceException,
} from "@aws-sdk/client-s3";
export { NodeHttpHandler } from "@smithy/node-http-handler";
