// A minimal peer on sharp: originals from a folder, results kept in files without fsync, as thumbor keeps them.
// node server.js PORT FOLDER serves GET /{w}x{h}.{ext}/{original}; the query has options of sharp's output format.
"use strict";

const { randomUUID } = require("node:crypto");
const { readFile, rename, writeFile } = require("node:fs/promises");
const { createServer } = require("node:http");
const path = require("node:path");
const sharp = require("sharp");

const ROUTE = /^\/(\d+)x(\d+)\.(jpg|png|webp)\/([\w.-]+)$/;
const JPEG_QUALITY = 80;
const TYPES = { jpg: "image/jpeg", png: "image/png", webp: "image/webp" };

const [port, folder] = process.argv.slice(2);
sharp.cache(false); // each original is opened once; a server for strangers' requests has nothing to find there again
sharp.concurrency(1); // one thread for each picture, and UV_THREADPOOL_SIZE pictures at a time

async function render(width, height, extension, name, options) {
  const picture = sharp(path.join(folder, "originals", name)).autoOrient().resize(width, height);
  const format = extension === "jpg" ? "jpeg" : extension;
  return picture.toFormat(format, format === "jpeg" ? { quality: JPEG_QUALITY, ...options } : options).toBuffer();
}

async function variant(url) {
  const { pathname, searchParams } = new URL(url, "http://127.0.0.1");
  const [, width, height, extension, name] = ROUTE.exec(pathname);
  const options = Object.fromEntries([...searchParams].map(([option, value]) => [option, JSON.parse(value)]));
  const result = path.join(folder, "results", encodeURIComponent(url));
  try {
    return [extension, await readFile(result)];
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
  const body = await render(Number(width), Number(height), extension, name, options);
  const draft = path.join(folder, "results", randomUUID());
  await writeFile(draft, body);
  await rename(draft, result);
  return [extension, body];
}

createServer(async (request, response) => {
  if (request.url === "/health") return response.end("ok");
  try {
    const [extension, body] = await variant(request.url);
    response.writeHead(200, { "Content-Type": TYPES[extension], "Content-Length": body.length }).end(body);
  } catch (error) {
    console.error(error);
    response.writeHead(500, { "Content-Length": 0 }).end();
  }
}).listen(Number(port), "127.0.0.1");
