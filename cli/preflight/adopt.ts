import * as z from "zod";
import { readDocuments, readValues } from "../../config/documents";
import { othersFile, renderOthers } from "../../config/notifications";
import { s3Client } from "./account";
import { othersOf, readNotifications } from "./notifications";
import { assumeRole } from "./role";

/** There is nothing to adopt. */
export class AdoptError extends Error {
  override readonly name = "AdoptError";
}

interface Adopted {
  readonly name: string;
  /** Name of the file that holds `text`, beside the configuration. */
  readonly target: string;
  readonly text: string;
  /** For people. */
  readonly summary: string;
}

/** As much of a pipeline as is needed before the file is there without which the whole would be refused. */
const pipelineSchema = z.object({
  name: z.string(),
  region: z.string(),
  bucket: z.object({ existing: z.string() }),
  provider: z
    .object({
      assumeRole: z
        .object({ roleArn: z.string(), externalId: z.string().optional(), sessionName: z.string().optional() })
        .optional(),
    })
    .optional(),
});

/**
 * Reads what others have the existing bucket of a pipeline report.
 * @param wanted the pipeline's name; needed where several have an existing bucket
 * @throws AdoptError, AssumeRoleError
 */
export async function adopt(file: string, wanted: string | undefined): Promise<Adopted> {
  const found = readDocuments(file).documents.flatMap((document) => {
    const result = pipelineSchema.safeParse(readValues(document).values?.root);
    return result.success && (wanted === undefined || result.data.name === wanted) ? [result.data] : [];
  });
  const [pipeline, ...others] = found;
  if (!pipeline) {
    throw new AdoptError(
      `${file} has no pipeline${wanted === undefined ? "" : ` ${wanted}`} with a name, a region and bucket.existing: only an existing bucket has notifications to adopt`,
    );
  }
  if (others.length > 0) {
    throw new AdoptError(
      `${file} has several pipelines with an existing bucket: name one of ${found.map(({ name }) => name).join(", ")}`,
    );
  }
  const { name, region, bucket, provider } = pipeline;
  const role = provider?.assumeRole;
  const s3 = s3Client(region, role && (await assumeRole(role, region)));
  try {
    const theirs = othersOf(await readNotifications(s3, bucket.existing), name);
    const count = `${theirs.entries.length} notification${theirs.entries.length === 1 ? "" : "s"} of others`;
    const events = theirs.eventbridge ? " and EventBridge" : "";
    return {
      name,
      target: othersFile(name),
      text: renderOthers(theirs),
      summary: `${bucket.existing} has ${count}${events}`,
    };
  } finally {
    s3.destroy();
  }
}
