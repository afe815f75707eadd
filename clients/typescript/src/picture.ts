/** Responsive pictures: `srcset`, and the attributes and the markup of `<picture>`. */

import { InvalidArgumentError } from "./errors.js";
import type { Signing } from "./urls.js";
import type { Format, SizedVariant, VariantOptions } from "./variants.js";

/** Options of all candidates of a `srcset`. There is no `dpr`: a browser multiplies the width itself. */
export interface Srcset extends Omit<VariantOptions, "dpr"> {
  format?: Format | undefined;
  /** Width divided by height, to crop all candidates to. Without it, they have the picture's proportions. */
  aspectRatio?: number | undefined;
  /** The original's size, as `info` has it: wider candidates are left out, because they are not enlarged. */
  original?: { width: number; height: number } | undefined;
}

/** The formats that browsers show. */
export type PictureFormat = "avif" | "gif" | "jpg" | "jxl" | "png" | "webp";

/** What `<picture>` shows. */
export interface PictureOptions extends Srcset {
  /** The text for people who do not see the picture; empty if it is only decoration. */
  alt: string;
  widths: readonly number[];
  /** How wide the picture is in the page: the attribute `sizes`. `100vw` if it is not given. */
  sizes?: string | undefined;
  /** The formats to offer, best first, before `format`. AVIF and WebP if they are not given. */
  formats?: readonly PictureFormat[] | undefined;
  loading?: "lazy" | "eager" | undefined;
}

/** The attributes of `<picture>`: a `<source>` for each format, and the `<img>` for all other browsers. */
export interface Picture {
  sources: { type: string; srcset: string; sizes: string }[];
  img: {
    src: string;
    srcset: string;
    sizes: string;
    alt: string;
    /** With `original` or `aspectRatio`: the proportions, so that the page does not move when the picture arrives. */
    width?: number;
    height?: number;
    loading?: "lazy" | "eager";
  };
}

type UrlOf = (variant: SizedVariant & Signing) => Promise<string>;

const MEDIA_TYPES: Readonly<Record<PictureFormat, string>> = {
  avif: "image/avif",
  gif: "image/gif",
  jpg: "image/jpeg",
  jxl: "image/jxl",
  png: "image/png",
  webp: "image/webp",
};
const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** The value of `srcset`. Rejects with `InvalidArgumentError`. */
export async function srcsetOf(
  urlOf: UrlOf,
  widths: readonly number[],
  { aspectRatio, original, ...options }: Srcset & Signing,
): Promise<string> {
  if ((options as VariantOptions).dpr !== undefined) {
    throw new InvalidArgumentError("dpr: cannot be used in srcset; add larger widths instead");
  }
  const sizes = sizesOf(widths, aspectRatio, original);
  const candidates = sizes.map(async (size) => `${await urlOf({ ...options, ...size })} ${size.width}w`);
  return (await Promise.all(candidates)).join(", ");
}

/** The attributes of `<picture>`. Rejects with `InvalidArgumentError`. */
export async function pictureOf(urlOf: UrlOf, options: PictureOptions & Signing): Promise<Picture> {
  const { alt, widths, sizes = "100vw", formats = ["avif", "webp"], loading, ...srcset } = options;
  const { aspectRatio, original, ...variant } = srcset;
  const offered = formats.map(async (format) => ({
    type: mediaType(format),
    srcset: await srcsetOf(urlOf, widths, { ...srcset, format }),
    sizes,
  }));
  const largest = sizesOf(widths, aspectRatio, original).reduce((one, other) =>
    one.width > other.width ? one : other,
  );
  return {
    sources: await Promise.all(offered),
    img: {
      src: await urlOf({ ...variant, ...largest }),
      srcset: await srcsetOf(urlOf, widths, srcset),
      sizes,
      alt,
      ...proportions(largest, original),
      ...(loading === undefined ? {} : { loading }),
    },
  };
}

/** `<picture>` as HTML, or `<img>` if no format is offered. Every value is escaped. */
export function pictureMarkup({ sources, img }: Picture): string {
  const lines = sources.map((source) => `  <source${attributes(source)}>\n`).join("");
  return lines === "" ? `<img${attributes(img)}>` : `<picture>\n${lines}  <img${attributes(img)}>\n</picture>`;
}

interface Size {
  width: number;
  height?: number;
}

function sizesOf(widths: readonly number[], aspectRatio?: number, original?: { width: number }): Size[] {
  if (widths.length === 0) {
    throw new InvalidArgumentError("widths: must have at least one width");
  }
  if (aspectRatio !== undefined && !(Number.isFinite(aspectRatio) && aspectRatio > 0)) {
    throw new InvalidArgumentError(`aspectRatio: must be width divided by height, got ${aspectRatio}`);
  }
  const ascending = [...new Set(widths)].sort((one, other) => one - other);
  const useful = ascending.filter((width) => width <= (original?.width ?? width));
  return (useful.length === 0 ? ascending.slice(0, 1) : useful).map((width) =>
    aspectRatio === undefined ? { width } : { width, height: Math.max(1, Math.round(width / aspectRatio)) },
  );
}

function proportions(size: Size, original?: { width: number; height: number }): { width?: number; height?: number } {
  if (size.height !== undefined) {
    return { width: size.width, height: size.height };
  }
  return original === undefined
    ? {}
    : { width: size.width, height: Math.max(1, Math.round((size.width * original.height) / original.width)) };
}

function mediaType(format: PictureFormat): string {
  const type = MEDIA_TYPES[format];
  if (type === undefined) {
    throw new InvalidArgumentError(`formats: must be formats that browsers show, such as webp, got '${format}'`);
  }
  return type;
}

function attributes(values: object): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${String(value).replace(/[&<>"]/g, (character) => ESCAPES[character] ?? "")}"`)
    .join("");
}
