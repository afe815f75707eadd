/** The client with what only Node.js has: files as sources. */

import { openAsBlob } from "node:fs";
import { stat } from "node:fs/promises";

export * from "./index.js";

/**
 * A file as a source: it is read while it is uploaded, and can be read again.
 *
 * Rejects with the system's error if there is no such file. An upload fails if the file changes meanwhile.
 */
export async function file(path: string | URL): Promise<Blob> {
  await stat(path); // openAsBlob does not say why it fails
  return openAsBlob(path);
}
