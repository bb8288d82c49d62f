import { BatchDeleteImageCommand, ListImagesCommand, type ECRClient } from "@aws-sdk/client-ecr";
import { DeleteObjectsCommand, ListObjectVersionsCommand, type S3Client } from "@aws-sdk/client-s3";

/** Deletes every object version and delete marker, so that Terraform can destroy the bucket. */
export async function emptyBucket(s3: S3Client, bucket: string): Promise<void> {
  for (;;) {
    const { Versions = [], DeleteMarkers = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket: bucket }));
    const objects = [...Versions, ...DeleteMarkers].map(({ Key, VersionId }) => ({ Key, VersionId }));
    if (objects.length === 0) return;
    await s3.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: objects, Quiet: true } }));
  }
}

/** Deletes every image, for the same. */
export async function emptyRepository(ecr: ECRClient, repositoryName: string): Promise<void> {
  for (;;) {
    const { imageIds = [] } = await ecr.send(new ListImagesCommand({ repositoryName, maxResults: 100 }));
    if (imageIds.length === 0) return;
    await ecr.send(new BatchDeleteImageCommand({ repositoryName, imageIds }));
  }
}
