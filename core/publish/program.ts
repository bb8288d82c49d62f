import { awaitDrop } from "../upload";
import { ecrAccess } from "./ecr-access";
import { EXIT, exitCodeOf } from "./exit";
import { type PublishEvent, reportRetries } from "./events";
import { renderEvent } from "./progress";
import type { PublishDropOptions } from "./publish-drop";
import { registryUrl } from "../registry/host";
import { Repository } from "../registry/repository";
import { s3Client } from "./s3-source";
import { say } from "./say";
import { readSettings } from "./settings";

/** What a publisher does with a drop. Answers lines for standard output. */
type PublisherWork = (options: PublishDropOptions) => Promise<readonly string[]>;

/**
 * A publisher as the program that a build runs: its settings come from the environment, standard output takes the lines that `work`
 * answers, if there are any, and standard error takes everything else. Waits for an upload that has only begun; where it comes to
 * nothing, there is no work.
 * @returns the exit code
 */
export async function publisherProgram(work: PublisherWork): Promise<number> {
  try {
    const { upload, registry, repository: name, ...settings } = readSettings(process.env);
    const s3 = s3Client();
    const awaited = await awaitDrop({ upload, s3, say });
    if (awaited.drop === undefined) {
      say(`nothing to do: ${awaited.reason}`);
      return EXIT.done;
    }
    const { credentials, recentTags } = ecrAccess(registry, name);
    const listener = (event: PublishEvent): void => {
      say(renderEvent(event));
    };
    const onRetry = reportRetries(listener);
    const repository = new Repository({ registry: registryUrl(registry), name, credentials, onRetry });
    const lines = await work({
      ...settings,
      drop: awaited.drop,
      s3,
      repository,
      recentTags,
      listener,
    });
    for (const line of lines) console.log(line);
    return EXIT.done;
  } catch (error) {
    if (process.env.DEBUG) console.error(error);
    say(error instanceof Error ? error.message : String(error));
    return exitCodeOf(error);
  }
}
