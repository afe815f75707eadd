import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  Client,
  InvalidArgumentError,
  type paths,
  type Variant,
  type VariantOptions,
  variantPath,
} from "@pymager/client";
import { png } from "../tools/pictures.js";
import { type Server, startServer } from "../tools/server.js";

type Parameters = NonNullable<NonNullable<paths["/derived/{name}"]["get"]["parameters"]["query"]>>;
type Equal<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
// Does not compile if an option is missing here or in the OpenAPI document.
const hasEveryOption: Equal<keyof VariantOptions, Exclude<keyof Parameters, "exp" | "sig">> = true;

let server: Server;
before(async () => {
  server = await startServer({ PYMAGER_WATERMARKS: "logo:image=cat", PYMAGER_PRESETS: "thumb:40x40,fit=inside" });
});
after(() => server.stop());

const SPELLINGS: [Variant, string][] = [
  [{ width: 800, height: 600 }, "-800x600.jpg"],
  [{ width: 800 }, "-800x.jpg"],
  [{ height: 600, format: "webp" }, "-x600.webp"],
  [{ preset: "thumb", format: "auto", dpr: 2 }, "@thumb.auto?dpr=2"],
  [{ preset: "thumb", v: "a b&c" }, "@thumb.jpg?v=a%20b%26c"],
  [{ width: 8, fit: "cover", gravity: "center", dpr: 1, rotate: 0, gray: false }, "-8x.jpg"],
  [{ width: 8, q: 70, fit: "inside" }, "-8x.jpg?fit=inside&q=70"],
  [{ width: 8, gravity: { x: 0.3, y: 0.75 } }, "-8x.jpg?gravity=0.3,0.75"],
  [{ width: 8, gravity: { x: 1 / 3, y: 0.5 } }, "-8x.jpg?gravity=0.333,0.5"],
  [{ width: 8, gravity: { x: 1, y: 0 } }, "-8x.jpg?gravity=northeast"],
  [{ width: 8, gravity: { x: 0.5, y: 0.5 } }, "-8x.jpg"],
  [{ width: 8, dpr: 1.3333333 }, "-8x.jpg?dpr=1.33"],
  [{ width: 8, bg: "#FFcc00" }, "-8x.jpg?bg=ffcc00"],
  [{ width: 8, bg: "ffcc00ff" }, "-8x.jpg?bg=ffcc00"],
  [{ width: 8, bg: "ffcc0080" }, "-8x.jpg?bg=ffcc0080"],
  [{ width: 8, crop: { x: 1, y: 2, width: 30, height: 40 } }, "-8x.jpg?crop=1,2,30,40"],
  [{ width: 8, crop: { x: 12.5, y: 0, width: 50, height: 100, unit: "percent" } }, "-8x.jpg?crop=12.5p,0p,50p,100p"],
  [{ width: 8, crop: { x: 0, y: 0, width: 100, height: 100, unit: "percent" } }, "-8x.jpg"],
  [
    { width: 8, enlarge: false, trim: 0, frame: 0, animated: false },
    "-8x.jpg?enlarge=false&trim=0&animated=false&frame=0",
  ],
  [
    { width: 8, sharpen: 1.5, blur: 0.3, flip: "hv", rotate: 90, gray: true, watermark: "logo" },
    "-8x.jpg?rotate=90&flip=hv&blur=0.3&sharpen=1.5&gray=true&watermark=logo",
  ],
];

test("the options are those of the OpenAPI document", () => assert.ok(hasEveryOption));

for (const [variant, ending] of SPELLINGS) {
  test(`writes ${ending}`, () => assert.equal(variantPath("cat", variant), `/derived/cat${ending}`));
}

test("the server accepts every spelling", async () => {
  const client = new Client(server.url, { username: "test", password: "test" });
  await client.upload(png(64, 48), "cat");
  for (const [variant, ending] of SPELLINGS) {
    const picture = await client.variant("cat", variant);
    assert.ok(picture.size > 0 && picture.type.startsWith("image/"), ending);
  }
});

test("ids are in NFC and percent-encoded, as in the server's own URLs", async () => {
  const client = new Client(server.url, { username: "test", password: "test" });
  for (const id of ["cafe\u0301", "猫", "\u0645\u06cc\u200c\u062e\u0648", "a-1x1_B"]) {
    const location = new URL(await client.originalUrl(id)).pathname;
    assert.equal((await client.upload(png(4, 4), id)).id, id.normalize("NFC"));
    const response = await fetch(server.url + location, { method: "PUT", headers: AUTHORIZED, body: png(4, 4, 1) });
    assert.equal(response.status, 200);
    assert.ok((await client.variant(id, { width: 2 })).size > 0);
  }
  assert.equal(variantPath("cafe\u0301", { width: 2 }), "/derived/caf%C3%A9-2x.jpg");
});

const AUTHORIZED = { Authorization: `Basic ${btoa("test:test")}`, "Content-Type": "application/octet-stream" };

for (const id of ["", ".", "..", "\ud800"]) {
  test(`the id ${JSON.stringify(id)} never becomes another URL`, async () => {
    const client = new Client(server.url, { username: "test", password: "test" });
    assert.throws(() => variantPath(id, { width: 8 }), InvalidArgumentError);
    await assert.rejects(client.delete(id), InvalidArgumentError);
    await assert.rejects(client.info(id), InvalidArgumentError);
  });
}

test("an id with a slash or a question mark stays one segment", () => {
  assert.equal(variantPath("a/../b?c#d%", { width: 8 }), "/derived/a%2F..%2Fb%3Fc%23d%25-8x.jpg");
});

const WRONG: unknown[] = [
  {},
  { width: 0 },
  { width: 1.5 },
  { width: "8" },
  { width: 8, height: -1 },
  { width: 8, format: "j/g" },
  { width: 8, quality: 70 },
  { width: 8, q: 1.5 },
  { width: 8, dpr: Number.NaN },
  { width: 8, dpr: Number.POSITIVE_INFINITY },
  { width: 8, bg: "white" },
  { width: 8, crop: { x: 1.5, y: 0, width: 1, height: 1 } },
  { preset: "a/b" },
  { preset: "thumb", width: 8 },
  { preset: "thumb", q: 8 },
];
for (const variant of WRONG) {
  test(`refuses ${JSON.stringify(variant)}`, () => {
    assert.throws(() => variantPath("cat", variant as Variant), InvalidArgumentError);
  });
}
