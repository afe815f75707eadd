// One original: what it is, and what can be done with it.

import { api, originalPath, request, root, upload } from "./api.js";
import { confirm } from "./dialogs.js";
import { announce, bytes, copy, count, h, problem } from "./dom.js";
import { frame } from "./images.js";
import { session } from "./session.js";

export function view(id, config) {
  const loading = new AbortController();
  const element = h("section", { class: "picture" }, h("h1", { tabindex: "-1" }, h("bdi", {}, id)));
  const body = h("div", { class: "body" }, h("p", { class: "hint", role: "status" }, "Loading…"));
  element.append(body);

  async function load() {
    try {
      const original = await api.info(id, loading.signal);
      body.replaceChildren(...parts(original));
    } catch (error) {
      if (error.name !== "AbortError") body.replaceChildren(failure(error));
    }
  }

  function failure(error) {
    const again = h("button", { type: "button", onclick: load }, "Try again");
    return problem(error, h("div", { class: "actions" }, again, h("a", { class: "button", href: "#/" }, "Library")));
  }

  const parts = (original) => [
    h("div", { class: "stage" }, frame(original, { width: 1100, alt: `The picture ${id}`, eager: true })),
    h("aside", { "aria-label": "About this picture" }, actions(original), facts(original)),
  ];

  function actions(original) {
    const file = h("input", { type: "file", accept: "image/*", class: "offscreen", tabindex: "-1", "aria-hidden": "true" });
    file.addEventListener("change", () => {
      const [chosen] = file.files;
      file.value = "";
      if (chosen) replace(original, chosen);
    });
    const changes = [
      file,
      h("button", { type: "button", onclick: () => file.click() }, "Replace…"),
      h("button", { type: "button", class: "danger-text", onclick: () => remove(original) }, "Delete…"),
    ];
    return h(
      "div",
      { class: "actions" },
      h("a", { class: "button primary", href: `#/try/${encodeURIComponent(id)}` }, "Try sizes"),
      h("button", { type: "button", onclick: () => download(original) }, "Download"),
      session.user && !config.read_only ? changes : null,
    );
  }

  async function download(original) {
    try {
      const blob = await (await request(originalPath(id))).blob();
      const url = URL.createObjectURL(blob);
      h("a", { href: url, download: `${id}.${original.format === "jpeg" ? "jpg" : original.format}` }).click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    } catch (error) {
      body.prepend(problem(error));
    }
  }

  async function remove(original) {
    const gone = await confirm({
      title: "Delete this picture?",
      text: "The original and all of its variants are deleted. This cannot be undone. Caches and browsers can show the picture until their copy expires.",
      yes: "Delete",
      danger: true,
      action: () => api.remove(id, original.sha256),
    });
    if (!gone) return;
    announce(`${id} was deleted.`);
    location.hash = "#/";
  }

  async function replace(original, file) {
    const replaced = await confirm({
      title: "Replace this picture?",
      text: `${file.name} (${bytes(file.size)}) takes its place under the same id. The current picture is deleted.`,
      yes: "Replace",
      action: () => upload(file, id, { replaces: original.sha256 }),
    });
    if (!replaced) return;
    announce(`${id} was replaced.`);
    load();
  }

  load();
  return { title: id, element, leave: () => loading.abort() };
}

function facts(original) {
  const dominant = original.dominant && h("span", { class: "swatch" });
  if (dominant) dominant.style.backgroundColor = original.dominant;
  const url = new URL(originalPath(original.id), root).href;
  const rows = [
    ["Format", original.format.toUpperCase()],
    ["Dimensions", `${original.width} × ${original.height} pixels`],
    ["Size", `${bytes(original.size)} (${count(original.size, "byte")})`],
    ["Uploaded", new Date(original.created).toLocaleString()],
    ["Frames", original.frames > 1 ? String(original.frames) : null],
    ["Transparent", original.alpha === null ? null : original.alpha ? "Yes" : "No"],
    ["Main color", dominant && [dominant, original.dominant]],
    ["SHA-256", h("code", {}, original.sha256)],
    ["URL", [h("code", {}, url), h("button", { type: "button", class: "copy", onclick: () => copy(url, "URL") }, "Copy")]],
  ];
  const shown = rows.filter(([, value]) => value);
  return h(
    "dl",
    { class: "facts" },
    shown.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );
}
