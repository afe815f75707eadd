import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type * as Api from "@pymager/client";
import { type Browser, chromium, type Page } from "playwright-core";
import { type Scripted, scripted } from "../tools/scripted.js";
import { PACKAGE, type Server, startServer } from "../tools/server.js";
import { KEY } from "../tools/vectors.js";

// Debian's package chromium. Without it, these tests are skipped, but not in CI.
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const skip = !existsSync(CHROMIUM) && process.env.CI === undefined && `there is no ${CHROMIUM}`;
const PAGE = "/page.html";
const MODULES = "/client-modules/";

declare global {
  interface Window {
    pymager: typeof Api;
  }
}

let server: Server;
let elsewhere: Scripted;
let browser: Browser;
before(
  async () => {
    if (!skip) {
      server = await startServer({ PYMAGER_SIGNING_KEYS: KEY, PYMAGER_SIGNATURES: "required" });
      elsewhere = await scripted(async (response, { target }) => {
        const file = await pageFile(target);
        response.writeHead(file ? 200 : 404, { "Content-Type": file?.contentType ?? "text/plain" }).end(file?.body);
      });
      browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"], timeout: 120_000 });
    }
  },
  { timeout: 300_000 },
);
after(async () => {
  await browser?.close();
  await elsewhere?.stop();
  await server?.stop();
});

/** A page with the built modules in it: the file at this path of a server, if there is one. */
async function pageFile(path: string): Promise<{ contentType: string; body: string } | undefined> {
  if (path === PAGE) {
    const script = `window.pymager = await import("${MODULES}index.js")`;
    return {
      contentType: "text/html",
      body: `<!doctype html><title>Page</title><body><script type="module">${script}</script>`,
    };
  }
  return path.startsWith(MODULES)
    ? {
        contentType: "text/javascript",
        body: await readFile(join(PACKAGE, "dist", path.slice(MODULES.length)), "utf8"),
      }
    : undefined;
}

async function opened(page: Page, origin: string): Promise<Page> {
  page.setDefaultTimeout(120_000);
  await page.goto(origin + PAGE);
  await page.waitForFunction(() => window.pymager !== undefined);
  return page;
}

/** The page at pymager's own origin, as if it served the page; all other requests go to pymager. */
async function pageOfServer(): Promise<Page> {
  const page = await browser.newPage();
  await page.route(
    (url) => url.pathname === PAGE || url.pathname.startsWith(MODULES),
    async (route) => route.fulfill(await pageFile(new URL(route.request().url()).pathname)),
  );
  return opened(page, server.url);
}

test("a browser uploads a Blob and shows a signed picture", { skip }, async () => {
  const page = await pageOfServer();
  const shown = await page.evaluate(async (signingKey) => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [320, 240];
    canvas.getContext("2d")?.fillRect(20, 20, 100, 100);
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
    const { Client, pictureMarkup } = window.pymager;
    const client = new Client(location.origin, { username: "test", password: "test", signingKey });
    const original = await client.upload(blob as Blob, "drawing");
    const options = { alt: "A drawing", widths: [80, 160], sizes: "160px", original, expiresIn: 3600 };
    document.body.innerHTML = pictureMarkup(await client.picture("drawing", options));
    const image = document.images[0] as HTMLImageElement;
    await image.decode();
    const again = await client.download("drawing");
    return {
      size: [original.width, original.height, original.size === blob?.size, again.size === blob?.size],
      source: image.currentSrc,
      natural: [image.naturalWidth, image.naturalHeight],
      unsigned: await fetch(await client.variantUrl("drawing", { width: 80, sign: false })).then((got) => got.status),
    };
  }, KEY);
  assert.deepEqual(shown.size, [320, 240, true, true]);
  assert.match(shown.source, /\/derived\/drawing-160x\.avif\?exp=[0-9]+&sig=[\w-]{43}$/);
  assert.deepEqual(shown.natural, [160, 120]);
  assert.equal(shown.unsigned, 403);
  await page.close();
});

test("a page of another origin reads what is signed for it", { skip }, async () => {
  const page = await opened(await browser.newPage(), elsewhere.url);
  const read = await page.evaluate(
    async ([url, signingKey]) => {
      const client = new window.pymager.Client(url as string, { signingKey, maxAttempts: 1 });
      const variant = await client.variant("drawing", { width: 40, format: "webp" });
      return [(await client.info("drawing")).width, variant.type];
    },
    [server.url, KEY],
  );
  assert.deepEqual(read, [320, "image/webp"]);
  await page.close();
});

test("a stream over HTTP/1.1 gives an error that says what to do", { skip }, async () => {
  const page = await pageOfServer();
  const message = await page.evaluate(async () => {
    const client = new window.pymager.Client(location.origin, { username: "test", password: "test" });
    return client
      .upload(new Blob(["text"]).stream(), "stream")
      .catch((error: Error) => `${error.name}: ${error.message}`);
  });
  assert.match(message as string, /^ConnectionFailedError: .*HTTP\/2.*new Response\(stream\)\.blob\(\)/);
  const unsupported = await page.evaluate(async () => {
    // A browser that does not know streams as bodies, such as Firefox, makes a text of them.
    const Original = window.Request;
    window.Request = class extends Original {
      constructor(url: string, init: RequestInit) {
        super(url, { ...init, body: String(init.body) });
      }
    } as typeof Request;
    const client = new window.pymager.Client(location.origin, { username: "test", password: "test" });
    return client
      .replace("stream", () => new Blob(["text"]).stream())
      .catch((error: Error) => `${error.name}: ${error.message}`);
  });
  assert.match(unsupported as string, /^InvalidArgumentError: source: this browser cannot upload a stream/);
  await page.close();
});
