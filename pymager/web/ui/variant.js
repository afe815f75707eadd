// From the controls of the playground to the URL of a variant. docs/reference/variants.md describes the options.

import { segment } from "./api.js";
import { variantPath } from "./images.js";

const number = (text) => String(Math.round(Number(text) * 1000) / 1000);
/** A sigma, which is at least 0.3; empty for none. */
const sigma = (text) => (Number(text) > 0 ? number(Math.max(0.3, Number(text))) : "");
const on = (form, name) => form.get(`${name}-on`) === "on";

/** The options that differ from their defaults, in the order of the API's table. */
export function optionsOf(form) {
  const sized = form.get("sizing") === "both";
  const padded = sized && form.get("fit") !== "fill";
  const options = [
    ["fit", sized && form.get("fit") !== "cover" ? form.get("fit") : ""],
    ["enlarge", form.get("enlarge")],
    ["gravity", padded && form.get("fit") !== "inside" ? gravity(form) : ""],
    ["dpr", form.get("dpr") === "1" ? "" : form.get("dpr")],
    ["q", on(form, "q") ? form.get("q") : ""],
    ["bg", on(form, "bg") ? form.get("bg").slice(1) : ""],
    ["crop", on(form, "crop") ? crop(form) : ""],
    ["trim", on(form, "trim") ? form.get("trim") : ""],
    ["rotate", form.get("rotate") === "0" ? "" : form.get("rotate")],
    ["flip", `${form.has("flip-h") ? "h" : ""}${form.has("flip-v") ? "v" : ""}`],
    ["blur", sigma(form.get("blur"))],
    ["sharpen", sigma(form.get("sharpen"))],
    ["gray", form.has("gray") ? "true" : ""],
    ["watermark", form.get("watermark")],
    ["animated", form.get("animated")],
    ["frame", form.get("frame")],
  ].filter(([, value]) => value);
  return form.get("sizing") === "preset" ? options.filter(([name]) => name === "dpr") : options;
}

function gravity(form) {
  const chosen = form.get("gravity");
  if (chosen === "point") return `${number(form.get("x") / 100)},${number(form.get("y") / 100)}`;
  return chosen === "center" ? "" : chosen;
}

function crop(form) {
  const [left, top, width, height] = ["left", "top", "width", "height"].map((side) => Number(form.get(`crop-${side}`)));
  const whole = left <= 0 && top <= 0 && width >= 100 && height >= 100;
  const parts = [left, top, Math.min(width, 100 - left), Math.min(height, 100 - top)];
  return whole ? "" : parts.map((part) => `${number(part)}p`).join(",");
}

/** `800x600`, `800x`, `x600` or `@preset`. */
export function which(form) {
  const [width, height] = [form.get("width"), form.get("height")];
  switch (form.get("sizing")) {
    case "width":
      return `${width}x`;
    case "height":
      return `x${height}`;
    case "preset":
      return `@${form.get("preset")}`;
    default:
      return `${width}x${height}`;
  }
}

export const queryOf = (options) => options.map(([name, value]) => `${name}=${value}`).join("&");

/** The path of the variant, without a slash before it. */
export function pathOf(id, form) {
  return variantPath(id, which(form), form.get("format"), queryOf(optionsOf(form)));
}

/** The same variant in several widths, for `srcset`: paths with descriptors. */
export function candidates(id, form, extension, original, maxSide) {
  const options = optionsOf(form).filter(([name]) => name !== "dpr");
  const path = (size, more = []) => variantPath(id, size, extension, queryOf([...options, ...more]));
  if (form.get("sizing") === "preset") {
    const preset = `@${form.get("preset")}`;
    return ["1", "2"].map((dpr) => [path(preset, dpr === "1" ? [] : [["dpr", dpr]]), `${dpr}x`]);
  }
  const ratio = form.get("sizing") === "both" ? form.get("width") / form.get("height") : original.width / original.height;
  const width = form.get("sizing") === "height" ? form.get("height") * ratio : Number(form.get("width"));
  const widths = [0.5, 1, 1.5, 2].map((factor) => Math.round(width * factor));
  const fitting = widths.filter((each) => each > 0 && Math.max(each, each / ratio) <= maxSide);
  const useful = fitting.filter((each) => each <= Math.max(original.width, fitting[0]));
  return [...new Set(useful)].map((each) => {
    const height = Math.max(1, Math.round(each / ratio));
    const size = { both: `${each}x${height}`, width: `${each}x`, height: `x${height}` }[form.get("sizing")];
    return [path(size), `${each}w`];
  });
}

export const fileName = (id, form) => `${segment(id)}.${form.get("format")}`;
