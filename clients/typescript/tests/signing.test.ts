import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { Client, InvalidArgumentError, PictureUrls } from "@pymager/client";
import { KEY, SECOND_KEY, vectors } from "../tools/vectors.js";

const BASE = "https://img.example.org/pictures";
const TARGET = "/derived/cat-800x600.jpg";

const all = await vectors();
test("the page has its vectors", () => assert.ok(all.length >= 15));
for (const vector of all) {
  test(`signs as the page says: ${vector.case}`, async () => {
    const urls = new PictureUrls(BASE, { signingKey: vector.key === 1 ? KEY : SECOND_KEY });
    assert.equal(await urls.sign(vector.target), vector.url);
  });
}

test("a key is the same in every spelling", async () => {
  const bytes = Buffer.from(KEY, "hex");
  const spellings = [
    KEY,
    KEY.toUpperCase(),
    bytes.toString("base64"),
    bytes.toString("base64url"),
    Uint8Array.from(bytes),
  ];
  const signed = spellings.map((signingKey) => new PictureUrls(BASE, { signingKey }).sign(TARGET));
  assert.equal(new Set(await Promise.all(signed)).size, 1);
});

for (const key of [
  "",
  "abc",
  KEY.slice(1),
  KEY.slice(2),
  "not a key at all, whatever its length may be",
  new Uint8Array(31),
]) {
  test(`a bad key is refused and not shown: ${key.length} long`, () => {
    assert.throws(
      () => new PictureUrls(BASE, { signingKey: key }),
      (error: Error) =>
        error instanceof InvalidArgumentError && (key.length < 4 || !error.message.includes(String(key))),
    );
  });
}

test("an expiry is a date, Unix time, or seconds from now", async () => {
  const urls = new PictureUrls(BASE, { signingKey: KEY });
  const url = await urls.sign(TARGET, { expires: 4102444800 });
  assert.ok(url.startsWith(`${TARGET}?exp=4102444800&sig=`));
  assert.equal(await urls.sign(TARGET, { expires: new Date("2100-01-01T00:00:00.999Z") }), url);
  assert.equal(await urls.variantUrl("cat", { width: 800, height: 600, expires: 4102444800 }), BASE + url);
  const before = Math.floor(Date.now() / 1000) + 60;
  const seconds = Number(/exp=([0-9]+)/.exec(await urls.infoUrl("cat", { expiresIn: 60 }))?.[1]);
  assert.ok(before <= seconds && seconds <= Math.floor(Date.now() / 1000) + 60);
});

for (const target of [
  "derived/cat-800x600.jpg",
  "/healthz",
  "/derived/",
  "/derived/cat 800x600.jpg",
  "/derived/café-800x600.jpg",
  "/derived/cat-800x600.jpg#top",
  `${TARGET}?sig=QC3fKbGHlaRUJPiT0e96v1QktVqZ3Y7lKey9QchPbrA`,
]) {
  test(`refuses to sign ${target}`, async () => {
    await assert.rejects(new PictureUrls(BASE, { signingKey: KEY }).sign(target), InvalidArgumentError);
  });
}

for (const expiry of [
  { expires: 1.5 },
  { expires: -1 },
  { expires: Number.NaN },
  { expires: new Date(Number.NaN) },
  { expires: 1, expiresIn: 1 },
]) {
  test(`refuses the expiry ${inspect(expiry)}`, async () => {
    await assert.rejects(new PictureUrls(BASE, { signingKey: KEY }).sign(TARGET, expiry), InvalidArgumentError);
  });
}

test("a target that ends with a question mark has no other parameters", async () => {
  const urls = new PictureUrls(BASE, { signingKey: KEY });
  assert.equal(await urls.sign(`${TARGET}?`), await urls.sign(TARGET));
});

test("an expiry cannot be given twice, nor without a signature", async () => {
  const urls = new PictureUrls(BASE, { signingKey: KEY });
  await assert.rejects(urls.sign(`${TARGET}?exp=1`, { expires: 2 }), InvalidArgumentError);
  await assert.rejects(urls.originalUrl("cat", { sign: false, expiresIn: 1 }), InvalidArgumentError);
  await assert.rejects(new PictureUrls(BASE).originalUrl("cat", { expiresIn: 1 }), InvalidArgumentError);
  await assert.rejects(new PictureUrls(BASE).sign(TARGET), InvalidArgumentError);
});

test("URLs are signed if there is a key, unless the caller says otherwise", async () => {
  const urls = new PictureUrls(BASE, { signingKey: KEY });
  assert.match(await urls.originalUrl("cat"), /^https:\/\/img\.example\.org\/pictures\/original\/cat\?sig=/);
  assert.equal(await urls.originalUrl("cat", { sign: false }), `${BASE}/original/cat`);
  assert.equal(await new PictureUrls(`${BASE}/`).infoUrl("cat"), `${BASE}/info/cat`);
});

test("a client shows no secret", () => {
  const client = new Client(BASE, { username: "ann", password: "pass-word-1", signingKey: KEY });
  const shown = inspect(client, { depth: 10, showHidden: true }) + JSON.stringify(client);
  for (const secret of ["pass-word-1", KEY, Buffer.from("ann:pass-word-1").toString("base64")]) {
    assert.ok(!shown.includes(secret), shown);
  }
});
