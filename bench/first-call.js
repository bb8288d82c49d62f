/**
 * Child of cold-start.ts: loads a handler as a fresh Lambda environment does and calls it once.
 * Arguments: the handler's file, the event as JSON. Tells its parent when it began, and what it took.
 */
const { subscribe } = require("node:diagnostics_channel");

let cpu;
subscribe("http.client.request.start", () => (cpu ??= process.cpuUsage(cpuBefore)));
const cpuBefore = process.cpuUsage();
const began = process.hrtime.bigint();
const [, , handlerFile, event] = process.argv;
const { handler } = require(handlerFile);

handler(JSON.parse(event), { functionName: "start-build", awsRequestId: "bench" }).then(({ batchItemFailures }) => {
  const { maxRSS } = process.resourceUsage();
  const cpuUs = cpu.user + cpu.system;
  process.send({ beganNs: String(began), failures: batchItemFailures.length, cpuUs, peakKiB: maxRSS });
  process.disconnect();
});
