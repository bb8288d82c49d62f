import { bundleFunction } from "./bundle";

// The publisher as one file, for machines that have Node.js and nothing of this project.
process.stdout.write(bundleFunction("publish-image"));
