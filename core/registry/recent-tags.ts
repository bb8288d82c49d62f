import { DescribeImagesCommand, type ECRClient, type ImageDetail } from "@aws-sdk/client-ecr";

export interface RecentTagsOptions {
  /** Account of the registry. */
  readonly registryId: string;
  readonly repositoryName: string;
  /** How many tags at most. */
  readonly most: number;
}

export interface RecentTags {
  /** One for each image, that of the newest image first. */
  readonly tags: readonly string[];
  /** For a log line: why there are none, or why newer ones may be missing. */
  readonly reason?: string;
}

/** ECR lists images in no order, so all of them must be looked at to find the newest; these suffice for 5,000. */
const MAX_PAGES = 5;
const PAGE_SIZE = 1000;
/** Milliseconds for all pages: more could not be saved. */
const PATIENCE = 10_000;
/** Tags of signatures and attestations (https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md): no images. */
const ATTACHED = /^sha256-[0-9a-f]{64}/;

/**
 * Tags of the images that were pushed last, whose layers an update is likely to have too. It only saves work, so it never fails: where
 * `ecr:DescribeImages` is not granted or does not answer, there are no tags and a reason.
 */
export async function recentTags(client: ECRClient, options: RecentTagsOptions): Promise<RecentTags> {
  const { most, ...repository } = options;
  const images: ImageDetail[] = [];
  const abortSignal = AbortSignal.timeout(PATIENCE);
  let nextToken: string | undefined;
  try {
    for (let page = 0; page === 0 || (page < MAX_PAGES && nextToken !== undefined); page++) {
      const request = { ...repository, filter: { tagStatus: "TAGGED" }, maxResults: PAGE_SIZE, nextToken } as const;
      const answer = await client.send(new DescribeImagesCommand(request), { abortSignal });
      images.push(...(answer.imageDetails ?? []));
      nextToken = answer.nextToken;
    }
  } catch (error) {
    const { name, message } = error as Error;
    return { tags: [], reason: `the newest images of ${repository.repositoryName} are not known: ${name}: ${message}` };
  }
  const tags = images
    .sort((a, b) => pushedAt(b) - pushedAt(a))
    .flatMap(({ imageTags = [] }) => imageTags.find((tag) => !ATTACHED.test(tag)) ?? [])
    .slice(0, most);
  const reason = `${repository.repositoryName} has more than ${images.length} images: newer ones may be among the rest`;
  return nextToken === undefined ? { tags } : { tags, reason };
}

function pushedAt({ imagePushedAt }: ImageDetail): number {
  return imagePushedAt?.getTime() ?? 0;
}
