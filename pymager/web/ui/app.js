// Which view is shown: the part of the address after `#`.

import { api } from "./api.js";
import { h, problem } from "./dom.js";
import * as library from "./library.js";
import * as picture from "./picture.js";
import * as playground from "./playground.js";
import { session } from "./session.js";
import * as signin from "./signin.js";
import * as upload from "./upload.js";

const main = document.getElementById("main");
const sessionButton = document.getElementById("session");
let config = null;
let current = null;

function route() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [view, ...rest] = path.split("/");
  let id = rest.join("/");
  try {
    id = decodeURIComponent(id);
  } catch {
    // Shown as it is; no picture has such an id.
  }
  return { view, id, query };
}

function open(focus) {
  const { view, id, query } = route();
  current?.leave?.();
  switch (view) {
    case "picture":
      current = picture.view(id, config);
      break;
    case "upload":
      current = upload.view(config);
      break;
    case "try":
      current = playground.view(id, query, config);
      break;
    default:
      current = library.view();
  }
  const named = { upload: "upload", try: "playground" }[view] ?? "library";
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === named) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${current.title} – pymager`;
  main.replaceChildren(current.element);
  scrollTo(0, 0);
  if (focus) (main.querySelector("h1") ?? main).focus({ preventScroll: true });
}

async function start() {
  try {
    config = await api.config(session.authorization);
  } catch (error) {
    if (![401, 403, 429].includes(error.status)) throw error;
    if (session.authorization) session.end(error.message);
    config = await api.config(null);
  }
  showUser();
}

function showUser() {
  document.getElementById("user").textContent = session.user ?? "";
  sessionButton.textContent = session.user ? "Sign out" : "Sign in";
}

sessionButton.addEventListener("click", () => (session.user ? session.end() : signin.dialog()));

session.addEventListener("change", async (event) => {
  showUser();
  await start();
  open(!event.detail);
  if (event.detail) signin.dialog(event.detail);
});

addEventListener("hashchange", () => {
  if (location.hash === "" || location.hash.startsWith("#/")) open(true);
});

const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
let entered = 0;

addEventListener("dragenter", (event) => {
  if (!hasFiles(event)) return;
  entered += 1;
  document.body.classList.add("dropping");
});
addEventListener("dragleave", () => {
  entered = Math.max(0, entered - 1);
  if (!entered) document.body.classList.remove("dropping");
});
addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  entered = 0;
  document.body.classList.remove("dropping");
  upload.add(event.dataTransfer.files);
  if (route().view !== "upload") location.hash = "#/upload";
});

try {
  await start();
  open(false);
} catch (error) {
  const again = h("button", { type: "button", onclick: () => location.reload() }, "Try again");
  main.replaceChildren(h("h1", { tabindex: "-1" }, "pymager"), problem(error, again));
}
