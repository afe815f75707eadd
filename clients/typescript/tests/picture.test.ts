import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidArgumentError, PictureUrls, pictureMarkup } from "@pymager/client";
import { KEY } from "../tools/vectors.js";

const urls = new PictureUrls("https://img.example.org");
const signing = new PictureUrls("https://img.example.org", { signingKey: KEY });

test("srcset has a candidate for each width, with a size with one side", async () => {
  assert.equal(
    await urls.srcset("cat", [800, 400], { format: "webp", q: 70 }),
    "https://img.example.org/derived/cat-400x.webp?q=70 400w, https://img.example.org/derived/cat-800x.webp?q=70 800w",
  );
});

test("srcset crops to an aspect ratio", async () => {
  assert.equal(
    await urls.srcset("cat", [300, 301], { aspectRatio: 3 / 2 }),
    "https://img.example.org/derived/cat-300x200.jpg 300w, https://img.example.org/derived/cat-301x201.jpg 301w",
  );
});

test("srcset leaves out what would be enlarged, but keeps one candidate", async () => {
  const original = { width: 500, height: 400 };
  const widths = async (all: number[]) => (await urls.srcset("cat", all, { original })).match(/[0-9]+w/g);
  assert.deepEqual(await widths([400, 500, 800]), ["400w", "500w"]);
  assert.deepEqual(await widths([800, 1600]), ["800w"]);
});

test("all candidates are signed, and expire together", async (t) => {
  let now = Date.now();
  t.mock.method(Date, "now", () => {
    now += 1_000;
    return now;
  });
  const srcset = await signing.srcset("cat", [100, 200, 300], { expiresIn: 3600 });
  const expiries = [...srcset.matchAll(/\?exp=([0-9]+)&sig=[\w-]{43} /g)].map((match) => match[1]);
  assert.equal(expiries.length, 3);
  assert.equal(new Set(expiries).size, 1);
  assert.equal(
    await signing.srcset("cat", [100], { sign: false }),
    "https://img.example.org/derived/cat-100x.jpg 100w",
  );
});

test("a picture offers its formats before the fallback", async () => {
  const picture = await urls.picture("cat", {
    alt: "A cat",
    widths: [200, 400],
    sizes: "50vw",
    loading: "lazy",
    original: { width: 4000, height: 3000 },
  });
  assert.deepEqual(
    picture.sources.map((source) => source.type),
    ["image/avif", "image/webp"],
  );
  assert.equal(
    pictureMarkup(picture),
    `<picture>
  <source type="image/avif" srcset="https://img.example.org/derived/cat-200x.avif 200w, https://img.example.org/derived/cat-400x.avif 400w" sizes="50vw">
  <source type="image/webp" srcset="https://img.example.org/derived/cat-200x.webp 200w, https://img.example.org/derived/cat-400x.webp 400w" sizes="50vw">
  <img src="https://img.example.org/derived/cat-400x.jpg" srcset="https://img.example.org/derived/cat-200x.jpg 200w, https://img.example.org/derived/cat-400x.jpg 400w" sizes="50vw" alt="A cat" width="400" height="300" loading="lazy">
</picture>`,
  );
});

test("without other formats, the markup is an img", async () => {
  const picture = await urls.picture("cat", { alt: "", widths: [200], formats: [], aspectRatio: 2, format: "auto" });
  assert.equal(
    pictureMarkup(picture),
    '<img src="https://img.example.org/derived/cat-200x100.auto" ' +
      'srcset="https://img.example.org/derived/cat-200x100.auto 200w" sizes="100vw" alt="" width="200" height="100">',
  );
});

test("nothing in the markup becomes HTML", async () => {
  const hostile = `"><script>alert('&')</script>`;
  const markup = pictureMarkup(
    await signing.picture(hostile, { alt: hostile, sizes: hostile, widths: [1], q: 5, expires: 4102444800 }),
  );
  assert.ok(!markup.includes("<script"));
  assert.equal(markup.match(/&(?!amp;|lt;|gt;|quot;)/), null);
  assert.equal(markup.match(/</g)?.length, 5); // picture, two sources, img, and the end of picture
});

test("widths and the aspect ratio are checked", async () => {
  await assert.rejects(urls.srcset("cat", []), InvalidArgumentError);
  await assert.rejects(urls.srcset("cat", [0]), InvalidArgumentError);
  await assert.rejects(urls.srcset("cat", [10], { aspectRatio: 0 }), InvalidArgumentError);
  await assert.rejects(urls.srcset("cat", [10], { dpr: 2 } as object), InvalidArgumentError);
  await assert.rejects(urls.picture("cat", { alt: "", widths: [1], formats: ["svg" as "png"] }), InvalidArgumentError);
});

for (const url of [
  "",
  "img.example.org",
  "ftp://img.example.org",
  "https://a:b@img.example.org",
  "https://a/?b",
  "https://a/#b",
]) {
  test(`refuses the base URL ${url}`, () => assert.throws(() => new PictureUrls(url), InvalidArgumentError));
}
