/** The URL of a variant: its size or preset, format and options, in their canonical spelling. */

import { InvalidArgumentError } from "./errors.js";
import { encodedId } from "./paths.js";

export type Format =
  | "auto"
  | "avif"
  | "bmp"
  | "gif"
  | "ico"
  | "jp2"
  | "jpg"
  | "jxl"
  | "png"
  | "ppm"
  | "tga"
  | "tiff"
  | "webp";

export type Fit = "cover" | "contain" | "inside" | "fill";

/** A point in fractions of the picture's width and height, from the top left corner. */
export interface Point {
  x: number;
  y: number;
}

export type Gravity =
  | "center"
  | "north"
  | "northeast"
  | "east"
  | "southeast"
  | "south"
  | "southwest"
  | "west"
  | "northwest"
  | "smart"
  | Point;

/** A part of the upright picture, in whole pixels or in percent of its width and height. */
export interface Crop {
  x: number;
  y: number;
  width: number;
  height: number;
  unit?: "pixels" | "percent" | undefined;
}

/** The options, named as in the URL. The server's page on variants describes them. */
export interface VariantOptions {
  /** How the picture gets the size. The default, `cover`, crops. */
  fit?: Fit | undefined;
  /** Whether a smaller picture is enlarged. */
  enlarge?: boolean | undefined;
  /** What `cover` keeps, and where `contain` puts the picture. Points are rounded to three decimals. */
  gravity?: Gravity | undefined;
  /** Multiplies the size: 1 to 4. Rounded to two decimals, so that it can be `devicePixelRatio`. */
  dpr?: number | undefined;
  /** The quality: 1 to 100. */
  q?: number | undefined;
  /** The color of padding, as `rrggbb` or `rrggbbaa`, with or without `#`. */
  bg?: string | undefined;
  /** The part of the picture to use. */
  crop?: Crop | undefined;
  /** Removes borders in one color, within this tolerance: 0 to 255. */
  trim?: number | undefined;
  /** Degrees, clockwise. */
  rotate?: 0 | 90 | 180 | 270 | undefined;
  /** Mirrors horizontally, vertically, or both. */
  flip?: "h" | "v" | "hv" | undefined;
  /** The sigma of a Gaussian blur: 0.3 to 100. */
  blur?: number | undefined;
  /** The sigma of an unsharp mask: 0.3 to 10. */
  sharpen?: number | undefined;
  /** Shades of gray. */
  gray?: boolean | undefined;
  /** The name of a watermark in the server's settings. */
  watermark?: string | undefined;
  /** Whether all frames of an animation are kept. */
  animated?: boolean | undefined;
  /** One frame of an animation, or one page of a TIFF. The first is 0. */
  frame?: number | undefined;
  /** Ignored by the server. Change it to bypass caches. */
  v?: string | undefined;
}

/** A variant with a size. Without one of the sides, it follows from the picture's proportions. */
export interface SizedVariant extends VariantOptions {
  width?: number | undefined;
  height?: number | undefined;
  /** `jpg` if it is not given. `auto` is what the request's `Accept` takes. */
  format?: Format | undefined;
  preset?: undefined;
}

/** A variant that the server's settings define by a name. */
export interface PresetVariant {
  preset: string;
  dpr?: number | undefined;
  v?: string | undefined;
  format?: Format | undefined;
}

export type Variant = SizedVariant | PresetVariant;

const MAX_DECIMALS = 3;
const MAX_DPR_DECIMALS = 2;
const EXTENSION = /^[a-z0-9]{1,16}$/;
const PRESET = /^[a-z0-9_-]{1,40}$/;
const COLOR = /^[0-9a-f]{6}(?:[0-9a-f]{2})?$/;
const WHOLE = "0p,0p,100p,100p";
const COMPASS: Readonly<Record<string, string>> = {
  "0.5,0.5": "center",
  "0.5,0": "north",
  "1,0": "northeast",
  "1,0.5": "east",
  "1,1": "southeast",
  "0.5,1": "south",
  "0,1": "southwest",
  "0,0.5": "west",
  "0,0": "northwest",
};

/** One row for each option, in the server's order: the canonical text of a value, and the text that changes nothing. */
const OPTIONS: { readonly [Name in keyof Required<VariantOptions>]: OptionRow<NonNullable<VariantOptions[Name]>> } = {
  fit: { show: word, neutral: "cover" },
  enlarge: { show: flag },
  gravity: { show: gravityText, neutral: "center" },
  dpr: { show: (value) => decimal("dpr", value, MAX_DPR_DECIMALS), neutral: "1" },
  q: { show: (value) => integer("q", value) },
  bg: { show: color },
  crop: { show: cropText, neutral: WHOLE },
  trim: { show: (value) => integer("trim", value) },
  rotate: { show: (value) => integer("rotate", value), neutral: "0" },
  flip: { show: word },
  blur: { show: (value) => decimal("blur", value) },
  sharpen: { show: (value) => decimal("sharpen", value) },
  gray: { show: flag, neutral: "false" },
  watermark: { show: word },
  animated: { show: flag },
  frame: { show: (value) => integer("frame", value) },
  v: { show: String },
};

interface OptionRow<Value> {
  show: (value: Value) => string;
  neutral?: string;
}

const NAMES = ["width", "height", "format", "preset", ...Object.keys(OPTIONS)];

/**
 * The path and query of a variant, in the spelling that has no option without an effect and every number at its
 * shortest. Throws `InvalidArgumentError` for what cannot be written; the server decides about the values.
 */
export function variantPath(id: string, variant: Variant): string {
  const unknown = Object.keys(variant).find((name) => !NAMES.includes(name));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`variant: '${unknown}' is not an option; options: ${NAMES.join(", ")}`);
  }
  const stem = `/derived/${encodedId(id)}${variant.preset === undefined ? `-${size(variant)}` : `@${preset(variant)}`}`;
  const query = queryOf(variant);
  return `${stem}.${extension(variant.format ?? "jpg")}${query && `?${query}`}`;
}

function size({ width, height }: SizedVariant): string {
  if (width === undefined && height === undefined) {
    throw new InvalidArgumentError("width, height: one of them must be given, or a preset");
  }
  return `${side("width", width)}x${side("height", height)}`;
}

function side(name: string, pixels: number | undefined): string {
  if (pixels === undefined) {
    return "";
  }
  if (!Number.isInteger(pixels) || pixels < 1 || pixels > 999_999_999) {
    throw new InvalidArgumentError(`${name}: must be a whole number of pixels from 1, got ${pixels}`);
  }
  return String(pixels);
}

function preset(variant: PresetVariant): string {
  const allowed = ["preset", "format", "dpr", "v"];
  const other = Object.entries(variant).find(([name, value]) => value !== undefined && !allowed.includes(name));
  if (other !== undefined) {
    throw new InvalidArgumentError(`preset: takes no option but dpr, got ${other[0]}`);
  }
  if (!PRESET.test(variant.preset)) {
    throw new InvalidArgumentError(`preset: must be 1 to 40 of a-z, 0-9, '_' and '-', got '${variant.preset}'`);
  }
  return variant.preset;
}

function extension(format: string): string {
  const text = format.toLowerCase();
  if (!EXTENSION.test(text)) {
    throw new InvalidArgumentError(`format: must be an extension such as jpg, got '${format}'`);
  }
  return text === "jpeg" ? "jpg" : text;
}

function queryOf(options: VariantOptions): string {
  const parameters: string[] = [];
  for (const [name, row] of Object.entries(OPTIONS) as [keyof VariantOptions, OptionRow<unknown>][]) {
    const value = options[name];
    if (value === undefined) {
      continue;
    }
    const text = row.show(value);
    if (text !== row.neutral) {
      parameters.push(`${name}=${encodeURIComponent(text).replaceAll("%2C", ",")}`);
    }
  }
  return parameters.join("&");
}

function word(value: string): string {
  return String(value).toLowerCase();
}

function flag(value: boolean): string {
  return value ? "true" : "false";
}

function integer(name: string, value: number): string {
  if (!Number.isInteger(value) || value < 0) {
    throw new InvalidArgumentError(`${name}: must be a whole number, got ${value}`);
  }
  return String(value);
}

function decimal(name: string, value: number, decimals: number = MAX_DECIMALS): string {
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0 || value >= 1e9) {
    throw new InvalidArgumentError(`${name}: must be a number, got ${value}`);
  }
  return String(Number(value.toFixed(decimals)));
}

function gravityText(value: Gravity): string {
  if (typeof value === "string") {
    return value.toLowerCase();
  }
  const point = `${decimal("gravity", value.x)},${decimal("gravity", value.y)}`;
  return COMPASS[point] ?? point;
}

function color(value: string): string {
  const text = value.toLowerCase().replace(/^#/, "");
  if (!COLOR.test(text)) {
    throw new InvalidArgumentError(`bg: must be a color such as #ffffff, got '${value}'`);
  }
  return text.length === 8 && text.endsWith("ff") ? text.slice(0, 6) : text;
}

function cropText({ x, y, width, height, unit }: Crop): string {
  const show =
    unit === "percent" ? (side: number) => `${decimal("crop", side)}p` : (side: number) => integer("crop", side);
  return [x, y, width, height].map(show).join(",");
}
