// Draws a ThumbHash: about 25 bytes that hold the low frequencies of a picture. Written from the description of the
// format at https://evanw.github.io/thumbhash/ (Evan Wallace): a header, then the coefficients of a cosine transform of
// luminance, of two differences of colors, and of opacity if the picture is transparent.

const SIDE = 24;

/** A canvas with the picture, blurred. Null for a text that is no ThumbHash. */
export function placeholder(text) {
  try {
    const hash = parse(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));
    const landscape = hash.ratio >= 1;
    const canvas = document.createElement("canvas");
    canvas.width = landscape ? SIDE : Math.max(1, Math.round(SIDE * hash.ratio));
    canvas.height = landscape ? Math.max(1, Math.round(SIDE / hash.ratio)) : SIDE;
    const context = canvas.getContext("2d");
    context.putImageData(pixels(hash, canvas.width, canvas.height), 0, 0);
    canvas.setAttribute("aria-hidden", "true");
    return canvas;
  } catch {
    return null;
  }
}

function parse(octets) {
  const first = octets[0] | (octets[1] << 8) | (octets[2] << 16);
  const second = octets[3] | (octets[4] << 8);
  const transparent = first >> 23 === 1;
  const landscape = second >> 15 === 1;
  const long = transparent ? 5 : 7;
  const short = Math.max(3, second & 7);
  const [width, height] = landscape ? [long, short] : [short, long];
  const start = transparent ? 6 : 5;
  let nibble = 0;
  const next = () => {
    const octet = octets[start + (nibble >> 1)];
    if (octet === undefined) throw new RangeError("too short");
    const value = nibble & 1 ? octet >> 4 : octet & 15;
    nibble += 1;
    return value / 7.5 - 1;
  };
  const channel = (dc, columns, rows, scale) => {
    const terms = [];
    for (let y = 0; y < rows; y += 1)
      for (let x = y ? 0 : 1; x * rows < columns * (rows - y); x += 1) terms.push({ x, y, value: next() * scale });
    return { dc, terms };
  };
  return {
    ratio: (landscape ? long : second & 7) / (landscape ? second & 7 : long),
    luminance: channel((first & 63) / 63, width, height, ((first >> 18) & 31) / 31),
    yellow: channel(((first >> 6) & 63) / 31.5 - 1, 3, 3, (((second >> 3) & 63) / 63) * 1.25),
    red: channel(((first >> 12) & 63) / 31.5 - 1, 3, 3, (((second >> 9) & 63) / 63) * 1.25),
    opacity: transparent ? channel((octets[5] & 15) / 15, 5, 5, (octets[5] >> 4) / 15) : null,
  };
}

function pixels(hash, width, height) {
  const image = new ImageData(width, height);
  const clamped = (value) => Math.round(255 * Math.min(1, Math.max(0, value)));
  for (let y = 0, at = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1, at += 4) {
      const u = (Math.PI * (x + 0.5)) / width;
      const v = (Math.PI * (y + 0.5)) / height;
      const sum = ({ dc, terms }, factor) =>
        terms.reduce((total, term) => total + term.value * factor * Math.cos(u * term.x) * Math.cos(v * term.y), dc);
      const [l, p, q] = [sum(hash.luminance, 2), sum(hash.yellow, 2), sum(hash.red, 2)];
      const blue = l - (2 / 3) * p;
      const red = (3 * l - blue + q) / 2;
      image.data.set([clamped(red), clamped(red - q), clamped(blue)], at);
      image.data[at + 3] = hash.opacity ? clamped(sum(hash.opacity, 2)) : 255;
    }
  return image;
}
