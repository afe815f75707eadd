// A program for Node.js: its types, and none of a browser.
import { Client, file } from "@pymager/client/node";

const [url = "", signingKey = "", path = ""] = process.argv.slice(2);
const client = new Client(url, { username: "test", password: "test", signingKey });
const original = await client.upload(file(path), "cat");
const { isNew } = await client.replace("cat", await file(path), { ifMatch: original.sha256 });
const bytes = new Uint8Array(await (await client.download("cat")).arrayBuffer());
const stream: ReadableStream<Uint8Array> = await client.downloadStream("cat");
await stream.cancel();
const shown = await fetch(await client.variantUrl("cat", { width: 32, height: 24, expiresIn: 3600 }));
console.log(
  JSON.stringify({ isNew, size: bytes.length, status: shown.status, type: shown.headers.get("Content-Type") }),
);
