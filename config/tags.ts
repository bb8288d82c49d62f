/** Key of the tag that names the pipeline on everything that belongs to it. */
export const PIPELINE_TAG = "s3-codebuild-trigger:pipeline";
