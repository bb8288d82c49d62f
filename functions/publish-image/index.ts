import { runPublisher } from "../../core/publish/program";
import { publishDrop } from "../../core/publish/publish-drop";

runPublisher(async (options) => [await publishDrop(options)]);
