import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  Client,
  ConflictError,
  ForbiddenError,
  InvalidRequestError,
  NotFoundError,
  type Original,
  PreconditionFailedError,
  PymagerError,
  ResponseError,
  type Source,
  TooLargeError,
  UnauthorizedError,
  UnprocessableError,
} from "@pymager/client";
import { file } from "@pymager/client/node";
import { png } from "../tools/pictures.js";
import { type Server, startServer } from "../tools/server.js";
import { KEY } from "../tools/vectors.js";

const MAX_BODY = 300_000;
const CREDENTIALS = { username: "test", password: "test" };

let server: Server;
let client: Client;
let folder: string;
before(async () => {
  server = await startServer({
    PYMAGER_SIGNING_KEYS: KEY,
    PYMAGER_SIGNATURES: "required",
    PYMAGER_MAX_BODY: String(MAX_BODY),
    PYMAGER_MAX_PIXELS: "1000000",
  });
  client = new Client(server.url, CREDENTIALS);
  folder = await mkdtemp(join(tmpdir(), "pymager-client-files-"));
});
after(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

function streamed(bytes: Uint8Array, piece = 1000): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) {
        controller.close();
        return;
      }
      controller.enqueue(bytes.subarray(at, at + piece));
      at += piece;
    },
  });
}

const BYTES = png(60, 40);
const SOURCES: [string, () => Source | Promise<Source>][] = [
  ["a Blob", () => new Blob([BYTES])],
  ["a File", () => new File([BYTES], 'it\'s "my" cät.png', { type: "image/png" })],
  ["an ArrayBuffer", () => Uint8Array.from(BYTES).buffer],
  ["a typed array", () => BYTES],
  [
    "a part of a buffer",
    () => new Uint8Array(Buffer.concat([Buffer.alloc(8), BYTES, Buffer.alloc(8)]).buffer.slice(0)).slice(8, -8),
  ],
  ["a DataView", () => new DataView(Uint8Array.from(BYTES).buffer)],
  ["a stream", () => streamed(BYTES)],
  ["a function that opens a stream", () => () => streamed(BYTES)],
  [
    "a file's path",
    async () => {
      const path = join(folder, "cat.png");
      await writeFile(path, BYTES);
      return file(path);
    },
  ],
];

for (const [name, source] of SOURCES) {
  test(`uploads and replaces ${name}`, async () => {
    const id = `source-${name.replaceAll(/[^a-z]/gi, "-")}`;
    const original = await client.upload(await source(), id);
    assert.equal(original.id, id);
    assert.deepEqual([original.width, original.height, original.size], [60, 40, BYTES.length]);
    assert.deepEqual(Buffer.from(await (await client.download(id)).arrayBuffer()), BYTES);
    const { original: replaced, isNew } = await client.replace(id, source());
    assert.deepEqual([replaced.sha256, isNew], [original.sha256, false]);
  });
}

test("uploads without an id, and shows what the server knows", async () => {
  const original = await client.upload(png(30, 20, 1));
  assert.match(original.id, /^[0-9a-f]{32}$/);
  const info = await client.info(original.id);
  assert.deepEqual(
    [info.id, info.format, info.width, info.height, info.frames, info.alpha],
    [original.id, "png", 30, 20, 1, false],
  );
});

test("a path that does not exist gives the system's error", async () => {
  await assert.rejects(client.upload(file(join(folder, "absent.png")), "absent"), { code: "ENOENT" });
});

test("a source that fails while it is read gives its own error", async () => {
  const failing = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.error(new RangeError("the disk is gone"));
    },
  });
  await assert.rejects(client.upload(failing, "failing"), { name: "RangeError", message: "the disk is gone" });
  const texts = new ReadableStream({ start: (controller) => controller.enqueue("text") });
  await assert.rejects(client.upload(texts, "failing"), { name: "InvalidArgumentError" });
  await assert.rejects(client.info("failing"), NotFoundError);
});

for (const source of [undefined, null, "photo.jpg", 7, {}]) {
  test(`${JSON.stringify(source)} is not a source`, async () => {
    await assert.rejects(client.upload(source as unknown as Source, "nothing"), { name: "InvalidArgumentError" });
  });
}

test("replaces under conditions", async () => {
  const first = await client.replace("conditional", png(8, 8, 1), { onlyIfNew: true });
  assert.equal(first.isNew, true);
  await assert.rejects(client.replace("conditional", png(8, 8, 2), { onlyIfNew: true }), PreconditionFailedError);
  await assert.rejects(
    client.replace("conditional", png(8, 8, 2), { ifMatch: "0".repeat(64) }),
    PreconditionFailedError,
  );
  const second = await client.replace("conditional", png(8, 8, 2), { ifMatch: first.original.sha256 });
  assert.equal(second.isNew, false);
  await assert.rejects(client.delete("conditional", { ifMatch: first.original.sha256 }), PreconditionFailedError);
  await client.delete("conditional", { ifMatch: `"${second.original.sha256}"` });
  await assert.rejects(client.info("conditional"), NotFoundError);
  await assert.rejects(client.replace("conditional", png(8, 8), { ifMatch: "a", onlyIfNew: true }), PymagerError);
  await assert.rejects(client.delete("conditional", { ifMatch: "a\r\nb: c" }), { name: "InvalidArgumentError" });
});

test("lists all originals, page by page", async () => {
  const own = await startServer();
  try {
    const lister = new Client(own.url, CREDENTIALS);
    const ids = ["a", "b", "c", "d", "e"];
    await Promise.all(ids.map((id, index) => lister.upload(png(4, 4, index), id)));
    for (const pageSize of [undefined, 1, 2, 5, 1000]) {
      const found: Original[] = [];
      for await (const original of lister.originals({ pageSize })) {
        found.push(original);
      }
      assert.deepEqual(found.map((original) => original.id).sort(), ids);
    }
    for await (const original of lister.originals({ pageSize: 2 })) {
      assert.ok(ids.includes(original.id));
      break; // the other pages are never requested
    }
    await assert.rejects(lister.originals({ pageSize: 1001 }).next(), InvalidRequestError);
  } finally {
    await own.stop();
  }
});

test("deletes: afterwards there is neither the original nor a variant", async () => {
  await client.upload(png(20, 20, 3), "deleted");
  assert.ok((await client.variant("deleted", { width: 10 })).size > 0);
  await client.delete("deleted");
  await assert.rejects(client.variant("deleted", { width: 10 }), NotFoundError);
  await assert.rejects(client.delete("deleted"), NotFoundError);
});

test("downloads as a stream", async () => {
  await client.upload(BYTES, "streamed");
  const stream = await client.downloadStream("streamed");
  assert.deepEqual(Buffer.from(await new Response(stream).arrayBuffer()), BYTES);
  await (await client.downloadStream("streamed")).cancel();
  await assert.rejects(client.downloadStream("absent"), NotFoundError);
});

test("a signed URL shows a private picture to everyone, and only as it was signed", async () => {
  const signer = new Client(server.url, { ...CREDENTIALS, signingKey: KEY });
  await signer.upload(png(50, 50, 4), "private-é");
  const urls = [
    await signer.variantUrl("private-é", { width: 123, format: "webp", gravity: { x: 0.25, y: 0.5 }, expiresIn: 600 }),
    await signer.originalUrl("private-é"),
    await signer.infoUrl("private-é", { expires: new Date(Date.now() + 600_000) }),
    await signer.srcset("private-é", [40]).then((srcset) => srcset.split(" ")[0] ?? ""),
  ];
  for (const url of urls) {
    assert.equal((await fetch(url)).status, 200, url);
    assert.equal((await fetch(url.replace("sig=", "v=1&sig="))).status, 403);
  }
  assert.equal((await fetch(await signer.originalUrl("private-é", { sign: false }))).status, 403);
  assert.equal((await fetch(await signer.originalUrl("private-é", { expires: 1_000_000_000 }))).status, 403);
});

test("reads private pictures with a key and without credentials, and the other way round", async () => {
  const bytes = png(50, 50, 5);
  await client.upload(bytes, "private");
  for (const reader of [client, new Client(server.url, { signingKey: KEY })]) {
    assert.equal((await reader.info("private")).size, bytes.length);
    assert.equal((await reader.download("private")).size, bytes.length);
    assert.equal((await reader.variant("private", { width: 33, format: "png" })).type, "image/png");
  }
  await assert.rejects(new Client(server.url).info("private"), ForbiddenError);
  await assert.rejects(new Client(server.url, { signingKey: "ab".repeat(32) }).download("private"), ForbiddenError);
});

test("errors have the problem's fields and a class of their own", async () => {
  await client.upload(BYTES, "taken");
  const error = await client.upload(png(9, 9), "taken").catch((error: unknown) => error);
  assert.ok(error instanceof ConflictError && error instanceof ResponseError && error instanceof PymagerError);
  assert.deepEqual([error.status, error.type, error.title], [409, "about:blank", "Conflict"]);
  assert.match(error.detail, /already exists/);
  assert.ok(error.requestId);
  assert.equal(error.name, "ConflictError");
  assert.match(error.message, /^409 Conflict: .*already exists/);
});

test("what the server refuses gives the class of its status", async () => {
  const wrong = new Client(server.url, { username: "test", password: "wrong" });
  await assert.rejects(wrong.upload(BYTES, "refused"), UnauthorizedError);
  await assert.rejects(new Client(server.url).upload(BYTES, "refused"), UnauthorizedError);
  await assert.rejects(new Client(server.url, { token: "unknown" }).delete("refused"), UnauthorizedError);
  await assert.rejects(client.upload(BYTES, "not an id"), InvalidRequestError);
  await assert.rejects(client.upload(new Uint8Array(100), "refused"), InvalidRequestError);
  await assert.rejects(client.upload(new Uint8Array(MAX_BODY + 1_000_000), "refused"), TooLargeError);
  await assert.rejects(client.replace("refused", streamed(new Uint8Array(MAX_BODY + 1_000_000))), TooLargeError);
  await assert.rejects(client.upload(png(1001, 1000), "refused"), UnprocessableError);
  await assert.rejects(client.info("refused"), NotFoundError);
});

test("a base URL can have a path, which is not signed", async () => {
  const proxy = createServer((request, response) => {
    const target = (request.url ?? "").replace(/^\/pictures/, "");
    const { method, headers } = request;
    const forwarded = httpRequest(server.url + target, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    request.pipe(forwarded);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  try {
    const base = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/pictures/`;
    const behind = new Client(base, { ...CREDENTIALS, signingKey: KEY });
    await behind.upload(png(16, 16, 7), "behind");
    assert.equal((await fetch(await behind.variantUrl("behind", { width: 8 }))).status, 200);
    assert.equal((await behind.info("behind")).width, 16);
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
});

test("credentials are complete or absent", () => {
  for (const options of [
    { username: "a" },
    { password: "a" },
    { username: "a", password: "b", token: "c" },
    { username: "a:b", password: "c" },
    { token: "a\nb" },
    { maxAttempts: 0 },
    { timeout: 0 },
    { timeout: Number.NaN },
    { retryDelay: -1 },
  ]) {
    assert.throws(() => new Client(server.url, options), { name: "InvalidArgumentError" }, JSON.stringify(options));
  }
});
