import { ECRClient } from "@aws-sdk/client-ecr";
import { S3Client } from "@aws-sdk/client-s3";
import { ProxyAwareHandler } from "../../core/network";
import { publishDrop } from "../../core/publish/publish-drop";
import { EcrCredentials, registryRegion } from "../../core/registry/credentials";
import { Repository } from "../../core/registry/repository";
import { renderEvent } from "./progress";
import { readSettings, SettingsError } from "./settings";

/** Exit codes: done, failed (the last line says why), wrong settings (nothing was tried). */
const EXIT = { published: 0, failed: 1, settings: 2 } as const;

async function main(): Promise<number> {
  try {
    const { drop, registry, repository: name, archivePath, rule, movingTags } = readSettings(process.env);
    const requestHandler = new ProxyAwareHandler();
    // Ranges carry no checksum of the whole object; layers and configuration are verified by their digests.
    const s3 = new S3Client({ requestHandler, responseChecksumValidation: "WHEN_REQUIRED" });
    const ecr = new ECRClient({ requestHandler, region: registryRegion(registry) });
    const credentials = new EcrCredentials(ecr, registry);
    const repository = new Repository({ registry: new URL(`https://${registry}`), name, credentials });
    const listener = (event: Parameters<typeof renderEvent>[0]): void => {
      console.error(oneLine(renderEvent(event)));
    };
    const gitHash = await publishDrop({ drop, s3, archivePath, rule, repository, movingTags, listener });
    console.log(gitHash);
    return EXIT.published;
  } catch (error) {
    if (process.env.DEBUG) console.error(error);
    console.error(oneLine(error instanceof Error ? error.message : String(error)));
    return error instanceof SettingsError ? EXIT.settings : EXIT.failed;
  }
}

/** Names come from the archive and may hold anything; a log line must stay one. */
function oneLine(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ").trim();
}

// A connection that hangs must not keep a build that is over. Nothing is lost: on Linux, pipes and files are written at once
// (https://nodejs.org/api/process.html#a-note-on-process-io).
void main().then((code) => process.exit(code));
