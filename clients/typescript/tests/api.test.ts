import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { API_FILE, apiTypes } from "../tools/api-types.js";
import { startServer } from "../tools/server.js";

test("the types are those of the server's OpenAPI document; `npm run generate` makes them", async () => {
  const server = await startServer();
  try {
    assert.equal(await readFile(API_FILE, "utf8"), await apiTypes(server.url));
  } finally {
    await server.stop();
  }
});
