/** Writes `src/api.ts`: the types of the API, from the OpenAPI document of `pymager serve`. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString, COMMENT_HEADER } from "openapi-typescript";
import { PACKAGE, startServer } from "./server.js";

export const API_FILE: string = join(PACKAGE, "src/api.ts");

/** The text of the file, for the document of this server. */
export async function apiTypes(serverUrl: string): Promise<string> {
  const response = await fetch(`${serverUrl}/openapi.json`);
  return COMMENT_HEADER + astToString(await openapiTS(await response.text(), { alphabetize: true }));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = await startServer();
  try {
    await writeFile(API_FILE, await apiTypes(server.url));
  } finally {
    await server.stop();
  }
}
