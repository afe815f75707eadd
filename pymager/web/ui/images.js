// Pictures are fetched like any other request, so that private ones come with the credentials, and shown as blobs.

import { request, segment } from "./api.js";
import { h } from "./dom.js";
import { session } from "./session.js";
import { placeholder } from "./thumbhash.js";

const AT_ONCE = 6;
const FALLBACKS = [403, 400, 422];

let running = 0;
const waiting = [];

/** Runs few of the works at once, the latest first: what was scrolled to last is what is looked at. */
async function inTurn(work) {
  if (running >= AT_ONCE) await new Promise((resolve) => waiting.push(resolve));
  running += 1;
  try {
    return await work();
  } finally {
    running -= 1;
    waiting.pop()?.();
  }
}

/** Shows a blob in an <img>, and lets go of it as soon as it is decoded. */
export async function show(image, blob) {
  const url = URL.createObjectURL(blob);
  try {
    image.src = url;
    await image.decode();
  } finally {
    URL.revokeObjectURL(url);
  }
}

export const variantPath = (id, which, extension, query = "") =>
  `derived/${segment(id)}${which.startsWith("@") ? "" : "-"}${which}.${extension}${query && `?${query}`}`;

/** The smallest picture that is good enough for a screen. A visitor may get no other size than the original's. */
async function preview(original, width, signal) {
  const scale = Math.min(devicePixelRatio || 1, 2);
  const wanted = Math.min(original.width, Math.ceil((width * scale) / 160) * 160);
  try {
    return await request(variantPath(original.id, `${wanted}x`, "webp"), { signal });
  } catch (error) {
    if (session.user || !FALLBACKS.includes(error.status)) throw error;
    return request(`original/${segment(original.id)}`, { signal });
  }
}

/** A box in the picture's proportions, filled with its placeholder until the picture is there: nothing moves. */
export function frame(original, { width, alt = "", eager = false }) {
  const image = h("img", { alt, width: original.width, height: original.height, decoding: "async" });
  const box = h("div", { class: "frame" });
  box.style.setProperty("--shape", (original.width / original.height).toFixed(4));
  box.style.aspectRatio = `${original.width} / ${original.height}`;
  if (original.dominant && !original.alpha) box.style.backgroundColor = original.dominant;
  const blurred = original.thumbhash && placeholder(original.thumbhash);
  if (blurred) box.append(blurred);
  box.append(image);
  const load = async () => {
    try {
      await inTurn(async () => {
        if (!box.isConnected) return;
        await show(image, await (await preview(original, width ?? box.clientWidth, null)).blob());
        box.classList.add("loaded");
      });
    } catch (error) {
      box.classList.add("failed");
      box.append(h("span", { class: "failure" }, error.message || "The picture cannot be shown."));
    }
  };
  if (eager) queueMicrotask(load);
  else visible.observe(Object.assign(box, { load }));
  return box;
}

/** An item of a gallery: a link with the picture, in its proportions within limits, and with `children`. */
export function tile(original, href, { alt = "" } = {}, ...children) {
  const item = h("li", {}, h("a", { href }, frame(original, { alt }), ...children));
  const ratio = Math.min(3, Math.max(0.5, original.width / original.height));
  item.style.setProperty("--ratio", ratio.toFixed(4));
  return item;
}

const visible = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      visible.unobserve(target);
      target.load();
    }
  },
  { rootMargin: "400px" },
);
