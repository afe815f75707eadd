// Uploads: a list of files, a few of them on their way at a time.

import { upload } from "./api.js";
import { announce, bytes, count, h, problem } from "./dom.js";
import { free, idOf } from "./ids.js";
import { show } from "./images.js";
import { session } from "./session.js";
import { form } from "./signin.js";

const AT_ONCE = 3;
const THUMBNAIL_BYTES = 30_000_000;

/** The files of this visit. They stay while other views are shown. */
const entries = [];
let list = null;
let summary = null;

const taken = (id, except = null) => entries.some((entry) => entry !== except && entry.id === id);

export function add(files) {
  for (const file of files) entries.push(new Entry(file, free(idOf(file), taken)));
  render();
}

export function view(config) {
  if (!session.user)
    return {
      title: "Upload",
      element: h("section", { class: "card narrow" }, h("h1", { tabindex: "-1" }, "Sign in to upload"), form()),
    };
  list = h("ul", { class: "uploads", "aria-label": "Files" });
  summary = h("div", { class: "summary" });
  const picker = h("input", { type: "file", multiple: true, accept: "image/*", id: "files" });
  picker.addEventListener("change", () => {
    add(picker.files);
    picker.value = "";
  });
  const limit = config.max_body ? ` Up to ${bytes(config.max_body)} each.` : "";
  const zone = h(
    "div",
    { class: "dropzone" },
    h("label", { for: "files" }, "Choose photographs"),
    picker,
    h("p", { class: "hint" }, `Or drop them anywhere on this page.${limit}`),
  );
  const element = h(
    "section",
    { class: "upload" },
    h("h1", { tabindex: "-1" }, "Upload"),
    config.read_only ? problem({ message: "The service is read-only: nothing can be uploaded now." }) : zone,
    summary,
    list,
  );
  render();
  return { title: "Upload", element };
}

function render() {
  if (!list) return;
  for (const entry of entries) if (!list.contains(entry.element)) list.append(entry.element);
  tell();
}

function tell() {
  if (!summary) return;
  const waiting = entries.filter((entry) => entry.state === "waiting");
  const stored = entries.filter((entry) => entry.state === "stored");
  const failed = entries.filter((entry) => entry.state === "failed");
  const busy = entries.some((entry) => entry.state === "sending");
  const texts = [
    stored.length && `${count(stored.length, "file")} stored`,
    failed.length && `${count(failed.length, "file")} not stored`,
  ].filter(Boolean);
  const label = waiting.length === 1 ? "Upload 1 file" : `Upload ${waiting.length} files`;
  summary.replaceChildren(
    ...(waiting.length && !busy ? [h("button", { type: "button", class: "primary", onclick: sendAll }, label)] : []),
    ...(stored.length && !busy ? [h("button", { type: "button", class: "quiet", onclick: clear }, "Clear finished uploads")] : []),
    h("p", { "aria-live": "polite" }, texts.join(", ") + (texts.length ? "." : "")),
  );
}

function clear() {
  for (const entry of entries.filter((each) => each.state === "stored")) entry.remove();
}

async function sendAll() {
  const queue = entries.filter((entry) => entry.state === "waiting");
  const sender = async () => {
    for (let entry = queue.shift(); entry; entry = queue.shift()) await entry.send();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, sender));
  const failed = entries.filter((entry) => entry.state === "failed").length;
  announce(failed ? `${count(failed, "file")} could not be stored.` : "All files are stored.");
}

let numbers = 0;

class Entry {
  constructor(file, id) {
    this.file = file;
    this.id = id;
    this.state = "waiting";
    const number = (numbers += 1);
    this.input = h("input", { value: id, id: `id-${number}`, "aria-label": `Id of ${file.name}`, maxlength: "200", spellcheck: "false", autocapitalize: "none" });
    this.input.addEventListener("input", () => this.rename(this.input.value.trim()));
    this.bar = h("progress", { max: "1", value: 0, "aria-label": `Progress of ${file.name}` });
    this.status = h("div", { class: "state" });
    this.buttons = h("div", { class: "actions" });
    this.element = h(
      "li",
      { class: "entry" },
      this.thumbnail(),
      h(
        "div",
        { class: "what" },
        h("p", { class: "file" }, h("bdi", {}, file.name), h("span", { class: "hint" }, bytes(file.size))),
        h("label", { for: `id-${number}` }, "Id", this.input),
        this.bar,
        this.status,
      ),
      this.buttons,
    );
    this.offer(["Remove", () => this.remove()]);
  }

  thumbnail() {
    const image = h("img", { alt: "", width: "72", height: "72" });
    if (this.file.size < THUMBNAIL_BYTES) show(image, this.file).catch(() => image.removeAttribute("src"));
    return h("div", { class: "thumbnail" }, image);
  }

  offer(...choices) {
    const names = choices.map(([text, act]) =>
      h("button", { type: "button", class: "small", onclick: act, "aria-label": `${text}: ${this.file.name}` }, text),
    );
    this.buttons.replaceChildren(...names);
  }

  rename(id) {
    this.id = id;
    const clash = taken(id, this);
    this.input.setCustomValidity(clash ? "Another file has this id." : "");
    this.input.setAttribute("aria-invalid", String(clash));
    if (this.state === "failed") this.again();
  }

  /** Ready to be sent once more. */
  again() {
    this.become("waiting");
    this.status.replaceChildren();
    this.offer(["Remove", () => this.remove()]);
  }

  become(state) {
    this.state = state;
    this.element.dataset.state = state;
    this.input.disabled = state === "sending" || state === "stored";
    tell();
  }

  async send(replaces = null) {
    this.become("sending");
    const aborter = new AbortController();
    this.offer(["Cancel", () => aborter.abort()]);
    this.say("Starting…");
    try {
      const progress = (sent, size) => {
        this.bar.value = size ? sent / size : 0;
        this.say(sent < size ? `${Math.round((100 * sent) / size)} %` : "Being checked and stored…");
      };
      const original = await upload(this.file, this.id, { replaces, progress, signal: aborter.signal });
      this.stored(original);
    } catch (error) {
      this.failed(error);
    }
  }

  say(text) {
    if (this.status.textContent !== text) this.status.replaceChildren(h("p", {}, text));
  }

  stored(original) {
    this.bar.value = 1;
    this.become("stored");
    const link = h("a", { href: `#/picture/${encodeURIComponent(original.id)}` }, "Look at it");
    this.status.replaceChildren(h("p", { class: "good" }, `Stored, ${original.width} × ${original.height}. `, link));
    this.offer();
  }

  failed(error) {
    this.bar.value = 0;
    this.become("failed");
    const canceled = error.name === "AbortError";
    this.status.replaceChildren(canceled ? h("p", {}, "Canceled.") : problem(error));
    const retry = ["Try again", () => this.send()];
    const remove = ["Remove", () => this.remove()];
    if (error.status !== 409) return this.offer(retry, remove);
    const replace = ["Replace the existing picture", () => this.send(true)];
    return this.offer(["Use another id", () => this.otherId()], replace, remove);
  }

  otherId() {
    const id = free(`${this.id}-2`, (other) => other === this.id || taken(other, this));
    this.input.value = id;
    this.rename(id);
    this.input.disabled = false;
    this.input.focus();
    this.input.select();
  }

  remove() {
    const next = this.element.nextElementSibling ?? this.element.previousElementSibling;
    entries.splice(entries.indexOf(this), 1);
    this.element.remove();
    tell();
    (next?.querySelector("input, a, button") ?? document.querySelector("#files"))?.focus();
  }
}
