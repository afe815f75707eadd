// The playground: an original beside the variant that the controls ask for.

import { api, Problem, request, root } from "./api.js";
import { controls, showUseful } from "./controls.js";
import { bytes, copy, h, problem } from "./dom.js";
import { frame, show, tile } from "./images.js";
import { session } from "./session.js";
import { snippets } from "./snippets.js";
import { pathOf } from "./variant.js";

const TYPING_MS = 250;
const EXPIRIES = [
  ["3600", "in 1 hour"],
  ["86400", "in 1 day"],
  ["604800", "in 7 days"],
  ["", "never"],
];

export function view(id, query, config) {
  const loading = new AbortController();
  const chosen = h("input", { name: "id", value: id, list: "known-ids", spellcheck: "false", autocapitalize: "none", required: true });
  const known = h("datalist", { id: "known-ids" });
  const open = (event) => {
    event.preventDefault();
    location.hash = `#/try/${encodeURIComponent(chosen.value.trim())}`;
  };
  const body = h("div", {});
  const element = h(
    "section",
    { class: "playground" },
    h(
      "header",
      { class: "head" },
      h("h1", { tabindex: "-1" }, "Playground"),
      h("form", { class: "pick", onsubmit: open }, h("label", {}, "Picture", chosen), known, h("button", {}, "Open")),
    ),
    body,
  );
  let stop = () => {};

  async function load() {
    try {
      const listed = session.user ? (await api.list({ limit: 24, signal: loading.signal })).items : [];
      known.replaceChildren(...listed.map((original) => h("option", { value: original.id })));
      if (!id) return body.replaceChildren(picker(listed));
      const bench = workbench(await api.info(id, loading.signal), config);
      stop = bench.stop;
      body.replaceChildren(...bench.parts);
    } catch (error) {
      if (error.name !== "AbortError") body.replaceChildren(problem(error));
    }
  }

  load();
  return {
    title: id ? `Playground: ${id}` : "Playground",
    element,
    leave: () => {
      loading.abort();
      stop();
    },
  };
}

function picker(listed) {
  if (!listed.length)
    return h(
      "div",
      { class: "empty" },
      h("h2", {}, "Pick a picture"),
      h("p", {}, session.user ? "Upload one first, then come back." : "Sign in, or type the id of a picture above."),
      session.user ? h("a", { class: "button primary", href: "#/upload" }, "Upload pictures") : null,
    );
  const tiles = listed.map((original) =>
    tile(original, `#/try/${encodeURIComponent(original.id)}`, { alt: `Try ${original.id}` }),
  );
  return h("div", {}, h("p", { class: "hint" }, "Pick a picture."), h("ul", { class: "gallery small" }, tiles));
}

function workbench(original, config) {
  const { id } = original;
  const base = config.public_url ? `${config.public_url}/` : root.href;
  const form = controls(original, config);
  const mark = h("span", { class: "mark", hidden: true });
  const target = h("div", { class: `target ${original.width / original.height > 4 / 3 ? "wide" : "high"}` }, frame(original, { width: 560, alt: `The original ${id}`, eager: true }), mark);
  target.style.aspectRatio = `${original.width} / ${original.height}`;
  const image = h("img", { alt: "The variant", class: "result" });
  const box = h("div", { class: "box" }, image);
  const numbers = h("dl", { class: "numbers", "aria-live": "polite" });
  const message = h("div", { class: "message" });
  const texts = h("div", { class: "snippets" });
  let latest = new AbortController();
  let timer;

  target.addEventListener("click", (event) => {
    const { left, top, width, height } = target.getBoundingClientRect();
    form.elements.x.value = ((100 * (event.clientX - left)) / width).toFixed(1);
    form.elements.y.value = ((100 * (event.clientY - top)) / height).toFixed(1);
    form.elements.gravity.value = "point";
    if (!["cover", "contain"].includes(form.elements.fit.value)) form.elements.fit.value = "cover";
    form.elements.sizing.value = "both";
    changed();
  });

  function changed() {
    const data = new FormData(form);
    showUseful(form, data);
    mark.hidden = data.get("gravity") !== "point";
    mark.style.left = `${data.get("x")}%`;
    mark.style.top = `${data.get("y")}%`;
    clearTimeout(timer);
    latest.abort();
    if (form.checkValidity()) timer = setTimeout(update, TYPING_MS);
  }

  async function update() {
    latest.abort();
    latest = new AbortController();
    const { signal } = latest;
    const data = new FormData(form);
    box.classList.add("busy");
    try {
      const began = performance.now();
      const response = await request(pathOf(id, data), { signal, cache: "no-store", headers: { Accept: "image/avif,image/webp,*/*;q=0.8" } });
      const blob = await response.blob();
      const ms = performance.now() - began;
      const isPrivate = /\bprivate\b/.test(response.headers.get("Cache-Control") ?? "");
      await shown(blob, ms, isPrivate, data, signal);
    } catch (error) {
      if (error.name === "AbortError") return;
      numbers.replaceChildren();
      image.removeAttribute("src");
      message.replaceChildren(problem(error));
      texts.replaceChildren();
    }
    box.classList.remove("busy");
  }

  async function shown(blob, ms, isPrivate, data, signal) {
    const notices = [];
    let size = null;
    try {
      await show(image, blob);
      size = { width: image.naturalWidth, height: image.naturalHeight };
    } catch {
      image.removeAttribute("src");
      notices.push(`Your browser cannot show ${data.get("format")} files. The size and the time are still correct.`);
    }
    if (signal.aborted) return;
    numbers.replaceChildren(...rows(blob, ms, size));
    if (isPrivate && !config.private)
      notices.push("You see this because you are signed in. For everybody else, the URL needs a signature, or the settings have to allow this size and these options.");
    // Replaced in one go: a page that is shorter meanwhile would scroll, and move the controls.
    message.replaceChildren(...notices.map((text) => h("p", { class: "notice" }, text)));
    const dpr = Number(data.get("dpr"));
    const css = size ?? { width: Number(data.get("width")), height: Number(data.get("height")) };
    const shownAs = { width: Math.round(css.width / (size ? dpr : 1)), height: Math.round(css.height / (size ? dpr : 1)) };
    const user = isPrivate ? session.user : null;
    texts.replaceChildren(
      h("h2", {}, "Use it"),
      ...Object.entries(snippets({ id, form: data, base, original, size: shownAs, maxSide: config.max_side, user })).map(
        ([name, text]) => snippet(name, text),
      ),
      signing(`/${pathOf(id, data)}`, base, config),
    );
  }

  function rows(blob, ms, size) {
    const saved = 100 - (100 * blob.size) / original.size;
    const compared = saved >= 0 ? `−${saved.toFixed(saved > 99 ? 1 : 0)} %` : `+${Math.round(-saved)} %`;
    const values = [
      ["Size", [bytes(blob.size), " ", h("small", {}, compared)]],
      ["Pixels", size ? `${size.width} × ${size.height}` : "–"],
      ["Time", `${Math.round(ms)} ms`],
      ["Type", blob.type.replace("image/", "")],
    ];
    return values.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)));
  }

  form.addEventListener("input", changed);
  changed();
  const about = [
    ["Size", bytes(original.size)],
    ["Pixels", `${original.width} × ${original.height}`],
    ["Type", original.format],
  ];
  const panes = h(
    "div",
    { class: "panes" },
    pane("Original", h("div", { class: "box" }, target), h("dl", { class: "numbers" }, about.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))))),
    pane("Variant", box, numbers),
  );
  return { parts: [h("div", { class: "workbench" }, form, h("div", { class: "results" }, panes, message, texts))], stop: () => latest.abort() };
}

const pane = (title, ...children) => h("section", { class: "pane", "aria-label": title }, h("h2", {}, title), children);

function snippet(name, text) {
  return h(
    "div",
    { class: "snippet" },
    h("h3", {}, name),
    h("button", { type: "button", class: "copy", "aria-label": `Copy: ${name}`, onclick: () => copy(text, name) }, "Copy"),
    h("pre", { tabindex: "0", "aria-label": name }, h("code", {}, text)),
  );
}

function signing(path, base, config) {
  if (!session.user) return null;
  const title = h("h3", {}, "Signed URL");
  if (!config.signing) return h("div", { class: "snippet" }, title, h("p", { class: "hint" }, "Signed URLs are off. To use them, set PYMAGER_SIGNING_KEYS, and do not set PYMAGER_SIGNATURES to off."));
  const expiry = h("select", { "aria-label": "Expires" }, EXPIRIES.map(([value, text]) => h("option", { value }, text)));
  const out = h("div", {});
  const sign = async () => {
    out.replaceChildren(h("p", { class: "hint" }, "Signing…"));
    try {
      const signed = await api.sign(path, expiry.value ? Number(expiry.value) : null);
      out.replaceChildren(snippet("Signed URL", base + signed.url.slice(1)));
    } catch (error) {
      out.replaceChildren(problem(error instanceof Problem ? error : new Problem(0, String(error))));
    }
  };
  return h(
    "div",
    { class: "snippet signing" },
    title,
    h("div", { class: "row" }, h("label", {}, "Expires ", expiry), h("button", { type: "button", onclick: sign }, "Sign")),
    out,
  );
}
