// Ids from file names: the rule of `pymager import`, so that `2024/my cat.jpg` becomes `2024-my_cat`.

const ALLOWED = /[\p{L}\p{M}\p{Nd}_-]/u;
// Where the invisible joiners have an effect (Unicode Standard Annex #31, section 2.3), nearly: the server decides.
const JOINERS =
  /(?<=\p{Script=Arabic}\p{M}*)\u200c(?=\p{Script=Arabic})|(?<=[\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca])[\u200c\u200d]/gu;
const MAX_BYTES = 200;

export function idLike(text) {
  const normal = text.normalize("NFC");
  const joiners = new Set([...normal.matchAll(JOINERS)].map((match) => match.index));
  let id = "";
  let index = 0;
  for (const character of normal) {
    id += ALLOWED.test(character) || joiners.has(index) ? character : "_";
    index += character.length;
  }
  return shortened(id);
}

/** The id for a file: its path in the folder that was chosen, or its name, without the extension. */
export function idOf(file) {
  const path = file.webkitRelativePath || file.name;
  const parts = path.split("/");
  const name = parts.pop();
  const dot = name.lastIndexOf(".");
  parts.push(dot > 0 && dot < name.length - 1 ? name.slice(0, dot) : name);
  return idLike(parts.join("-"));
}

/** The id, or the first of id-2, id-3, ... that `taken` does not have. */
export function free(id, taken) {
  if (!taken(id)) return id;
  const stem = id.replace(/-[0-9]{1,4}$/, "");
  for (let number = 2; ; number += 1) {
    const next = shortened(stem, MAX_BYTES - 6) + `-${number}`;
    if (!taken(next)) return next;
  }
}

function shortened(id, most = MAX_BYTES) {
  let kept = id;
  while (new TextEncoder().encode(kept).length > most) kept = [...kept].slice(0, -1).join("");
  return kept;
}
