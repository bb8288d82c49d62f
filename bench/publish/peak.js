const { writeSync } = require("node:fs");

process.on("exit", () => {
  writeSync(2, `peak ${process.resourceUsage().maxRSS} KiB\n`);
});
