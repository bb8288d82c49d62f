/**
 * Stands for node:fs/promises in the function's bundle (infrastructure/bundle.ts). All that the SDK reads by it is ~/.aws, which
 * no Lambda has: it takes a file that cannot be read for an empty one. Environment variables count as before.
 * https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
 */
export function readFile(path: string): Promise<never> {
  return Promise.reject(new Error(`${path} is not read: in Lambda, configuration comes from the environment alone`));
}
