import { setTimeout as sleep } from "node:timers/promises";
import { PassThrough } from "node:stream";
import { Interruption, InterruptedError } from "../../local/interrupt";
import { Steps } from "../../local/steps";

function recorded() {
  const out = new PassThrough();
  const said: string[] = [];
  out.on("data", (chunk: Buffer) => said.push(chunk.toString()));
  return { out: out as unknown as NodeJS.WriteStream, text: () => said.join("") };
}

/** What Ctrl-C does to a process, without a signal that would reach the test runner, too. */
function interrupt(): void {
  process.emit("SIGINT", "SIGINT");
}

let interruption: Interruption;
beforeEach(() => {
  interruption = new Interruption();
});
afterEach(() => {
  interruption.close();
});

test("a step is a line with its time and its outcome", async () => {
  const { out, text } = recorded();
  await new Steps(interruption, out).run(
    "drop it",
    () => Promise.resolve(3),
    (value) => `${value} bytes`,
  );
  expect(text()).toMatch(/^ 1 ok {6}drop it +0\.0 s {2}3 bytes\n$/);
});

test("an interrupted step is given up, and no later one begins, but things are put in order", async () => {
  const { out, text } = recorded();
  const steps = new Steps(interruption, out);
  const waiting = steps.run("wait for a build", () => sleep(60_000, undefined, { ref: false }));
  interrupt();
  await expect(waiting).rejects.toThrow(InterruptedError);
  const later = jest.fn(() => Promise.resolve());
  await expect(steps.run("later", later)).rejects.toThrow(InterruptedError);
  await expect(steps.complete("later, too", later)).rejects.toThrow(InterruptedError);
  expect(later).not.toHaveBeenCalled();
  await steps.cleanUp("tidy up", later);
  expect(later).toHaveBeenCalledTimes(1);
  expect(text()).toMatch(/ 1 ended {3}wait for a build .*\n.*\n.*\n 4 ok {6}tidy up/);
});

test("a step that hears the interruption itself is waited for", async () => {
  const { out } = recorded();
  const steps = new Steps(interruption, out);
  let ended = false;
  const applying = steps.complete("terraform apply", async () => {
    await interruption.signalled;
    await sleep(50);
    ended = true;
    throw new Error("terraform apply was ended by SIGINT");
  });
  interrupt();
  await expect(applying).rejects.toThrow(InterruptedError);
  expect(ended).toBe(true);
});

test("an error of the work itself stays what it is", async () => {
  const { out, text } = recorded();
  const failing = new Steps(interruption, out).run("drop it", () => Promise.reject(new Error("no such bucket")));
  await expect(failing).rejects.toThrow("no such bucket");
  expect(text()).toContain(" 1 failed  drop it");
});
