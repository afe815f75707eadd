// The library: all originals, page by page.

import { api } from "./api.js";
import { count, h, problem } from "./dom.js";
import { tile } from "./images.js";
import { session } from "./session.js";
import { form } from "./signin.js";

const PAGE_SIZE = 48;
const EMPTY_PAGES = 20;
const TYPING_MS = 250;

export function view() {
  if (!session.user) return visitor();
  const gallery = h("ul", { class: "gallery", "aria-label": "Pictures" });
  const below = h("div", { class: "below" });
  const shown = h("p", { class: "count", "aria-live": "polite" });
  const prefix = h("input", { type: "search", id: "prefix", placeholder: "such as cat", maxlength: "200", spellcheck: "false" });
  const element = h(
    "section",
    { class: "library" },
    h(
      "header",
      { class: "head" },
      h("h1", { tabindex: "-1" }, "Library"),
      shown,
      h("label", { class: "filter", for: "prefix" }, "Id starts with", prefix),
    ),
    gallery,
    below,
  );
  let listing = new AbortController();
  let total = 0;

  async function more(cursor, focus = false) {
    const { signal } = listing;
    below.replaceChildren(h("p", { class: "hint", role: "status" }, "Loading…"));
    try {
      const page = await pageOf(cursor, signal);
      total += page.items.length;
      const tiles = page.items.map(captioned);
      gallery.append(...tiles);
      below.replaceChildren(...(page.next ? [moreButton(page.next)] : []));
      shown.textContent = total || !page.next ? `${count(total, "picture")}${page.next ? ", and more" : ""}` : "";
      if (total === 0 && !page.next) below.replaceChildren(nothing(prefix.value.trim()));
      if (focus) tiles[0]?.querySelector("a").focus();
    } catch (error) {
      if (error.name === "AbortError") return;
      const again = h("button", { type: "button", onclick: () => more(cursor) }, "Try again");
      below.replaceChildren(problem(error, again));
    }
  }

  /** A store without an order can give pages that have nothing with the prefix, and still more after them. */
  async function pageOf(start, signal) {
    let page = { items: [], next: start };
    for (let tries = 0; tries < EMPTY_PAGES; tries += 1) {
      page = await api.list({ prefix: prefix.value.trim(), cursor: page.next, limit: PAGE_SIZE, signal });
      if (page.items.length || !page.next) break;
    }
    return page;
  }

  const moreButton = (cursor) =>
    h("button", { type: "button", class: "more", onclick: () => more(cursor, true) }, "Show more");

  function restart() {
    listing.abort();
    listing = new AbortController();
    total = 0;
    gallery.replaceChildren();
    more(null);
  }

  let typing;
  prefix.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(restart, TYPING_MS);
  });
  restart();
  return { title: "Library", element, leave: () => listing.abort() };
}

function captioned(original) {
  const caption = h(
    "span",
    { class: "caption" },
    h("bdi", { class: "id" }, original.id),
    h("span", { class: "size" }, `${original.width} × ${original.height}`),
  );
  return tile(original, `#/picture/${encodeURIComponent(original.id)}`, {}, caption);
}

function nothing(prefix) {
  if (prefix)
    return h("div", { class: "empty" }, h("p", {}, "No id starts with ", h("bdi", {}, h("strong", {}, prefix)), "."));
  return h(
    "div",
    { class: "empty" },
    h("h2", {}, "No pictures yet"),
    h("p", {}, "Drop photographs anywhere on this page, or choose them."),
    h("a", { class: "button primary", href: "#/upload" }, "Upload pictures"),
  );
}

function visitor() {
  const id = h("input", { name: "id", required: true, spellcheck: "false", autocapitalize: "none" });
  const open = (event) => {
    event.preventDefault();
    location.hash = `#/picture/${encodeURIComponent(id.value.trim())}`;
  };
  const element = h(
    "section",
    { class: "welcome" },
    h(
      "div",
      { class: "intro" },
      h("img", { class: "drawing", src: new URL("welcome.svg", import.meta.url).href, width: "720", height: "300", alt: "" }),
      h("h1", { tabindex: "-1" }, "Your pictures, in every size"),
      h(
        "p",
        {},
        "Upload a photograph once. Each size, crop and format of it has a URL, and is made when somebody asks for it.",
      ),
    ),
    h(
      "div",
      { class: "card" },
      h("h2", {}, "Sign in"),
      form(),
      h("p", { class: "hint" }, "If you have configured no users, pymager printed the first user's name and password when it first started."),
    ),
    h(
      "form",
      { class: "open", onsubmit: open },
      h("label", {}, "Or open a picture by its id", id),
      h("button", {}, "Open"),
    ),
  );
  return { title: "Welcome", element };
}
