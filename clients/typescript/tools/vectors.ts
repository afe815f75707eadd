/** The test vectors of the page on signed URLs. */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { CHECKOUT } from "./server.js";

export const KEY = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
export const SECOND_KEY = "3-Dh4uPk5ebn6Onq6-zt7u_w8fLz9PX29_j5-vv8_f7_";

/** A URL and what it is made of. */
export interface Vector {
  case: string;
  key: 1 | 2;
  target: string;
  url: string;
}

/** The vectors, from the only page under `docs/` that has them. */
export async function vectors(): Promise<Vector[]> {
  const files = await readdir(join(CHECKOUT, "docs"), { recursive: true });
  const pages = await Promise.all(
    files
      .filter((file) => /(?:^|[/-])sign[^/]*\.md$/.test(file))
      .map((file) => readFile(join(CHECKOUT, "docs", file), "utf8")),
  );
  const page = pages.find(
    (text) => text.includes("## Test vectors") && text.includes(KEY) && text.includes(SECOND_KEY),
  );
  const block = page && /## Test vectors[\s\S]*?```json\n([\s\S]*?)```/.exec(page);
  if (!block?.[1]) {
    throw new Error("no page under docs/ has the test vectors");
  }
  return JSON.parse(block[1]) as Vector[];
}
