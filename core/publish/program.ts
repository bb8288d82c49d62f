import { ECRClient } from "@aws-sdk/client-ecr";
import { S3Client } from "@aws-sdk/client-s3";
import { ProxyAwareHandler } from "../network";
import { EcrCredentials } from "../registry/credentials";
import { registryRegion } from "../registry/host";
import { Repository } from "../registry/repository";
import { awaitDrop } from "../upload";
import { renderEvent } from "./progress";
import type { PublishDropOptions } from "./publish-drop";
import { readSettings, SettingsError } from "./settings";

/** Exit codes: done, or nothing to do; failed (the last line says why); wrong settings (nothing was tried). */
const EXIT = { done: 0, failed: 1, settings: 2 } as const;

/** What a publisher does with a drop. Answers lines for standard output. */
type PublisherWork = (options: PublishDropOptions) => Promise<readonly string[]>;

/** {@link publisherProgram} as a process, which ends with its exit code. */
export function runPublisher(work: PublisherWork): void {
  // A connection that hangs must not keep a build that is over. Nothing is lost: on Linux, pipes and files are written at once
  // (https://nodejs.org/api/process.html#a-note-on-process-io).
  void publisherProgram(work).then((code) => process.exit(code));
}

/**
 * A publisher as the program that a build runs: its settings come from the environment, standard output takes the lines that `work`
 * answers, if there are any, and standard error takes everything else. Waits for an upload that has only begun; where it comes to
 * nothing, there is no work.
 * @returns the exit code
 */
export async function publisherProgram(work: PublisherWork): Promise<number> {
  try {
    const { upload, registry, repository: name, archivePath, rule, movingTags } = readSettings(process.env);
    const requestHandler = new ProxyAwareHandler();
    // Ranges carry no checksum of the whole object; layers and configuration are verified by their digests.
    const s3 = new S3Client({ requestHandler, responseChecksumValidation: "WHEN_REQUIRED" });
    const awaited = await awaitDrop({ upload, s3, say });
    if (awaited.drop === undefined) {
      say(`nothing to do: ${awaited.reason}`);
      return EXIT.done;
    }
    const ecr = new ECRClient({ requestHandler, region: registryRegion(registry) });
    const credentials = new EcrCredentials(ecr, registry);
    const repository = new Repository({ registry: new URL(`https://${registry}`), name, credentials });
    const listener = (event: Parameters<typeof renderEvent>[0]): void => {
      say(renderEvent(event));
    };
    const lines = await work({ drop: awaited.drop, s3, archivePath, rule, repository, movingTags, listener });
    for (const line of lines) console.log(line);
    return EXIT.done;
  } catch (error) {
    if (process.env.DEBUG) console.error(error);
    say(error instanceof Error ? error.message : String(error));
    return error instanceof SettingsError ? EXIT.settings : EXIT.failed;
  }
}

function say(line: string): void {
  console.error(oneLine(line));
}

/** Names come from the archive and may hold anything; a log line must stay one. */
function oneLine(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ").trim();
}
