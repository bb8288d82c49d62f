/**
 * Stands for the Node.js runtime of Lambda inside the child process: loads the handler, then answers one invocation at a
 * time over the IPC channel. Errors have the shape and the names that Lambda's runtime gives them:
 * https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html
 *
 * Plain JavaScript without imports of ours: it runs in the function's own process, as the function's Node runs it.
 */
const { existsSync } = require("node:fs");
const Module = require("node:module");
const { basename, dirname, join, resolve, sep } = require("node:path");
const { pathToFileURL } = require("node:url");

const taskRoot = process.env.LAMBDA_TASK_ROOT;
const send = process.send.bind(process);

/** The invocation that is being handled. */
let current;

process.on("disconnect", () => process.exit(1));
process.on("uncaughtException", (error) => fail("Uncaught Exception", error, 129));
process.on("unhandledRejection", (reason) => {
  const error = new Error(String(reason), { cause: reason });
  error.name = "Runtime.UnhandledPromiseRejection";
  if (reason instanceof Error) error.stack = reason.stack;
  fail("Unhandled Promise Rejection", error, 128);
});

hideModulesOfTheMachine();
start();

async function start() {
  let handler;
  try {
    handler = await loadHandler(process.env._HANDLER);
  } catch (error) {
    log("Uncaught Exception", error);
    send({ type: "init-error", error: describe(error) }, () => process.exit(1));
    return;
  }
  process.on("message", (invocation) => void answer(handler, invocation));
  send({ type: "ready" });
}

async function answer(handler, invocation) {
  current = invocation;
  try {
    const result = await call(handler, JSON.parse(invocation.event), contextOf(invocation));
    finish({ payload: serialise(result) });
  } catch (error) {
    log("Invoke Error", error);
    finish({ error: describe(error) });
  }
}

/** An async handler answers by its promise, one of three parameters by its callback. */
function call(handler, event, context) {
  return new Promise((fulfil, reject) => {
    const callback = (error, result) => (error ? reject(error) : fulfil(result));
    const returned = handler(event, context, callback);
    if (typeof returned?.then === "function") returned.then(fulfil, reject);
    else if (handler.length < 3) fulfil(returned);
  });
}

function finish(outcome) {
  const { requestId } = current;
  current = undefined;
  send({ type: "answer", requestId, maxMemoryKiB: process.resourceUsage().maxRSS, ...outcome });
}

/** Ends the process after an error that nobody caught, as Lambda's runtime does. */
function fail(title, error, exitCode) {
  log(title, error);
  if (current === undefined) process.exit(exitCode);
  const { requestId } = current;
  const maxMemoryKiB = process.resourceUsage().maxRSS;
  send({ type: "answer", requestId, maxMemoryKiB, error: describe(error), last: true }, () => process.exit(exitCode));
}

function serialise(result) {
  try {
    return JSON.stringify(result ?? null) ?? "null";
  } catch (cause) {
    throw named("Runtime.MarshalError", "Unable to stringify response body", cause);
  }
}

/** https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html */
function contextOf({ requestId, deadlineMs, functionArn }) {
  return {
    awsRequestId: requestId,
    callbackWaitsForEmptyEventLoop: true,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    invokedFunctionArn: functionArn,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    getRemainingTimeInMillis: () => Math.max(0, deadlineMs - Date.now()),
  };
}

/** `dir/file.export` as Lambda resolves it: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html */
async function loadHandler(setting) {
  const [name, ...path] = basename(setting).split(".");
  const stem = resolve(taskRoot, dirname(setting), name);
  const file = [".js", ".mjs", ".cjs"].map((extension) => stem + extension).find((candidate) => existsSync(candidate));
  if (file === undefined || path.length === 0) {
    throw named("Runtime.ImportModuleError", `Error: Cannot find module '${name}'`);
  }
  const loaded = await load(file);
  const handler = path.reduce((value, part) => value?.[part], loaded);
  if (typeof handler !== "function") {
    throw named("Runtime.HandlerNotFound", `${setting} is undefined or not exported`);
  }
  return handler;
}

async function load(file) {
  try {
    return isModule(file) ? await import(pathToFileURL(file).href) : require(file);
  } catch (error) {
    if (error instanceof SyntaxError)
      throw named("Runtime.UserCodeSyntaxError", `SyntaxError: ${error.message}`, error);
    if (error?.code === "MODULE_NOT_FOUND" || error?.code === "ERR_MODULE_NOT_FOUND") {
      throw named("Runtime.ImportModuleError", `Error: ${error.message}`, error);
    }
    throw error;
  }
}

function isModule(file) {
  if (!file.endsWith(".js")) return file.endsWith(".mjs");
  const manifest = join(taskRoot, "package.json");
  return existsSync(manifest) && require(manifest).type === "module";
}

/** On Lambda nothing stands above the task root: a module missing from the zip must not be found in a checkout around it. */
function hideModulesOfTheMachine() {
  const paths = Module._nodeModulePaths;
  Module._nodeModulePaths = (from) => paths(from).filter((path) => path.startsWith(taskRoot + sep));
}

function named(name, message, cause) {
  const error = new Error(message, { cause });
  error.name = name;
  return error;
}

function describe(error) {
  if (!(error instanceof Error)) return { errorType: typeof error, errorMessage: String(error), trace: [] };
  return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? "").split("\n") };
}

function log(title, error) {
  const requestId = current?.requestId ?? "undefined";
  const { trace, ...rest } = describe(error);
  const line = JSON.stringify({ ...rest, stack: trace });
  process.stderr.write(`${new Date().toISOString()}\t${requestId}\tERROR\t${title} \t${line}\n`);
}
