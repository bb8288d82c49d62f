import { fetchDrop } from "../../core/fetch/fetch-drop";
import { publisherProgram } from "../../core/publish/program";
import { run } from "../../core/publish/run";

// Lines for the buildspec to read: the image's name in the archive, its git hash, its layers, and each tag that is to be pushed.
run(() =>
  publisherProgram(async (options) => {
    const [, , file = "image.tar"] = process.argv;
    const { reference, gitHash, layers, tags } = await fetchDrop({ ...options, file });
    return [reference, gitHash, layers.join(" "), ...tags];
  }),
);
