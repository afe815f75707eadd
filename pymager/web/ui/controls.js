// The controls of the playground: one form, whose fields `variant.js` reads.

import { h } from "./dom.js";

const COMPASS = ["northwest", "north", "northeast", "west", "center", "east", "southwest", "south", "southeast"];
const ARROWS = ["↖", "↑", "↗", "←", "•", "→", "↙", "↓", "↘"];

function choice(name, legend, values, chosen, more = {}) {
  const options = values.map(([value, text, title]) =>
    h(
      "label",
      { title },
      h("input", { type: "radio", name, value, checked: value === chosen, "aria-label": text.length === 1 ? title : null }),
      h("span", {}, text),
    ),
  );
  return h("fieldset", { class: `choice ${more.class ?? ""}`, "data-for": more.for }, h("legend", {}, legend), options);
}

const select = (name, label, values, more = {}) =>
  h(
    "label",
    { class: "field", "data-for": more.for },
    label,
    h("select", { name }, values.map(([value, text]) => h("option", { value, selected: value === more.chosen }, text))),
  );

const numeric = (name, label, value, min, max, more = {}) =>
  h("label", { class: "field", "data-for": more.for }, label, h("input", { type: "number", name, value, min, max, step: more.step ?? 1 }));

/** A slider that says its value; with `optional`, a checkbox says whether it counts. */
function slider(name, label, { min, max, step = 1, value, optional = false, off = null }) {
  const output = h("span", { class: "value" });
  const input = h("input", { type: "range", name, min, max, step, id: `range-${name}`, "aria-label": label });
  input.value = value;
  const box = optional && h("input", { type: "checkbox", name: `${name}-on`, "aria-label": `Set ${label.toLowerCase()}` });
  const show = () => {
    if (box) input.disabled = !box.checked;
    const used = box ? box.checked : Number(input.value) !== off;
    output.textContent = used ? input.value : box ? "default" : "off";
  };
  input.addEventListener("input", show);
  box && box.addEventListener("input", show);
  show();
  return h("div", { class: "slider" }, h("label", { for: `range-${name}` }, box, label), output, input);
}

const toggle = (name, text, value) => h("label", { class: "toggle" }, h("input", { type: "checkbox", name, value }), text);

function background() {
  const box = toggle("bg-on", "Background", "on");
  return h("div", { class: "row" }, box, h("input", { type: "color", name: "bg", value: "#ffffff", "aria-label": "Background color" }));
}

function cropping() {
  const sides = [
    ["left", "Left", 0],
    ["top", "Top", 0],
    ["width", "Width", 100],
    ["height", "Height", 100],
  ];
  return h(
    "div",
    { class: "crop" },
    toggle("crop-on", "Crop, in percent", "on"),
    h("div", { class: "four" }, sides.map(([side, text, value]) => numeric(`crop-${side}`, text, value, 0, 100, { step: 0.1 }))),
  );
}

export function controls(original, config) {
  const presets = config.presets ?? [];
  const watermarks = config.watermarks ?? [];
  const moves = original.frames > 1;
  const { formats } = config;
  const width = Math.min(800, original.width);
  const height = Math.round((width * 3) / 4);
  const sizing = [
    ["both", "Both sides"],
    ["width", "Width"],
    ["height", "Height"],
    ...(presets.length ? [["preset", "Preset"]] : []),
  ];
  const fits = ["cover", "contain", "inside", "fill"].map((fit) => [fit, fit]);
  const directions = COMPASS.map((name, index) => [name, ARROWS[index], name]);
  return h(
    "form",
    { class: "controls", "aria-label": "Options", onsubmit: (event) => event.preventDefault() },
    h("h2", { class: "offscreen" }, "Options"),
    choice("sizing", "Size", sizing, "both"),
    h(
      "div",
      { class: "pair" },
      numeric("width", "Width", width, 1, config.max_side, { for: "both width" }),
      numeric("height", "Height", height, 1, config.max_side, { for: "both height" }),
      presets.length ? select("preset", "Preset", presets.map((name) => [name, name]), { for: "preset" }) : null,
    ),
    choice("fit", "Fit", fits, "cover", { for: "both" }),
    h(
      "div",
      { class: "pair", "data-for": "both" },
      choice("gravity", "Part to keep", [...directions, ["smart", "smart", "The part that stands out"], ["point", "point", "A point of the picture"]], "center", { class: "compass" }),
      h(
        "div",
        { class: "point" },
        numeric("x", "% from left", 50, 0, 100, { step: 0.1 }),
        numeric("y", "% from top", 50, 0, 100, { step: 0.1 }),
        h("p", { class: "hint" }, "Or click into the original."),
      ),
    ),
    h(
      "div",
      { class: "pair" },
      select("format", "Format", [["auto", "auto"], ...formats.map(({ extension }) => [extension, extension])], { chosen: "webp" }),
      select("dpr", "Pixel density", ["1", "1.5", "2", "3"].map((dpr) => [dpr, `${dpr}×`]), { chosen: "1" }),
    ),
    slider("q", "Quality", { min: 1, max: 100, value: 75, optional: true }),
    h(
      "details",
      {},
      h("summary", {}, "Effects"),
      slider("sharpen", "Sharpen", { min: 0, max: 10, step: 0.1, value: 0, off: 0 }),
      slider("blur", "Blur", { min: 0, max: 100, step: 0.5, value: 0, off: 0 }),
      toggle("gray", "Shades of gray", "true"),
      watermarks.length ? select("watermark", "Watermark", [["", "none"], ...watermarks.map((name) => [name, name])]) : null,
    ),
    h(
      "details",
      {},
      h("summary", {}, "Turn, crop and trim"),
      choice("rotate", "Rotate", ["0", "90", "180", "270"].map((angle) => [angle, `${angle}°`]), "0"),
      h("div", { class: "row" }, toggle("flip-h", "Mirror ↔", "on"), toggle("flip-v", "Mirror ↕", "on")),
      cropping(),
      slider("trim", "Trim borders, tolerance", { min: 0, max: 255, value: 10, optional: true }),
    ),
    h(
      "details",
      {},
      h("summary", {}, "More"),
      select("enlarge", "Enlarge small pictures", [["", "default"], ["true", "yes"], ["false", "no"]]),
      background(),
      moves ? select("animated", "All frames", [["", "default"], ["true", "yes"], ["false", "no"]]) : null,
      moves || original.frames === null ? numeric("frame", "Frame or page", "", 0, Math.max(0, (original.frames ?? 1) - 1)) : null,
    ),
  );
}

/** Shows the fields that count for the chosen way to give the size. */
export function showUseful(form, data) {
  for (const field of form.querySelectorAll("[data-for]")) field.hidden = !field.dataset.for.split(" ").includes(data.get("sizing"));
  const keeps = ["cover", "contain"].includes(data.get("fit")) && data.get("sizing") === "both";
  form.querySelector(".compass").disabled = !keeps;
  form.querySelector(".point").classList.toggle("used", keeps && data.get("gravity") === "point");
}
