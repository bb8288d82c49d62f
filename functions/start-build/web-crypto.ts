import { randomUUID } from "node:crypto";

/**
 * Stands for the global of this name in the function's bundle (infrastructure/bundle.ts): the SDK takes nothing but UUIDs from
 * it, and at its first use Node would load all of Web Crypto.
 */
export const crypto = { randomUUID };
