// A page's program: the types of a browser, and none of Node.js.
import { Client, NotFoundError, type Original, pictureMarkup, type Variant } from "@pymager/client";

export async function show(input: HTMLInputElement, target: HTMLElement): Promise<Original | undefined> {
  const client = new Client(location.origin, { token: "token" });
  const chosen: File | undefined = input.files?.[0];
  if (chosen === undefined) return undefined;
  const variant: Variant = { width: 800, height: 600, fit: "inside", gravity: { x: 0.5, y: 0.25 } };
  try {
    const original = await client.upload(chosen, "cat", { signal: new AbortController().signal });
    target.innerHTML = pictureMarkup(await client.picture("cat", { alt: "A cat", widths: [400, 800], original }));
    const image = new Image();
    image.src = URL.createObjectURL(await client.variant("cat", variant));
    for await (const { id, width } of client.originals()) console.log(id, width.toFixed());
    return original;
  } catch (error) {
    if (error instanceof NotFoundError) console.log(error.status, error.detail);
    throw error;
  }
}

// @ts-expect-error: no such option
void new Client("https://img.example.org").variantUrl("cat", { width: 8, quality: 70 });
// @ts-expect-error: a preset has its own size
void new Client("https://img.example.org").variantUrl("cat", { preset: "thumb", width: 70 });
