// What to copy: the URL, a curl line, and the markup of pages.

import { candidates, fileName, pathOf } from "./variant.js";

const FORMATS = [
  ["avif", "image/avif"],
  ["webp", "image/webp"],
];

/** An attribute of HTML, which is shown as text and copied into somebody's page. */
const attribute = (text) => text.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");
const quoted = (text) => `'${text.replace(/'/g, "'\\''")}'`;

/**
 * All texts by their names. `base` ends with a slash; `size` is the size of the variant in CSS pixels;
 * `user` is who has to send credentials, or null if everybody can request it.
 */
export function snippets({ id, form, base, original, size, maxSide, user }) {
  const url = (path) => base + path;
  const own = url(pathOf(id, form));
  const set = (extension, indent) =>
    attribute(
      candidates(id, form, extension, original, maxSide)
        .map(([path, descriptor]) => `${url(path)} ${descriptor}`)
        .join(`,\n${" ".repeat(indent)}`),
    );
  const sizes = form.get("sizing") === "preset" ? "" : `\n     sizes="(max-width: ${size.width}px) 100vw, ${size.width}px"`;
  const box = `width="${size.width}" height="${size.height}" alt=""`;
  const fallback = form.get("format") === "auto" || FORMATS.some(([name]) => name === form.get("format")) ? "jpg" : form.get("format");
  const image = `<img src="${attribute(own)}"
     srcset="${set(form.get("format"), 13)}"${sizes}
     ${box}>`;
  const options = FORMATS.map(
    ([extension, type]) => `  <source type="${type}"
          srcset="${set(extension, 18)}"${sizes.replace("     ", "          ")}>`,
  ).join("\n");
  const last = new FormData();
  for (const [name, value] of form) last.set(name, value);
  last.set("format", fallback);
  return {
    URL: own,
    curl: `curl ${user ? `-u ${quoted(user)} ` : ""}-o ${quoted(fileName(id, form))} ${quoted(own)}`,
    "<img srcset sizes>": image,
    "<picture>": `<picture>\n${options}\n  <img src="${attribute(url(pathOf(id, last)))}" ${box}>\n</picture>`,
  };
}
