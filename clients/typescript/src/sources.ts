/** What can be uploaded, and the bodies of requests that are made of it. */

import { hex } from "./bytes.js";
import { InvalidArgumentError } from "./errors.js";

/**
 * A picture's bytes.
 *
 * A `File` is a `Blob`. A stream is read once, so an upload of it is never repeated; a function that opens a new stream
 * each time is called for each attempt. Browsers upload streams only over HTTP/2, and some not at all.
 */
export type Source =
  | Blob
  | ArrayBuffer
  | ArrayBufferView
  | ReadableStream<Uint8Array>
  | (() => ReadableStream<Uint8Array> | Promise<ReadableStream<Uint8Array>>);

/** The body of one attempt. */
export interface Body {
  body: Blob | FormData | ReadableStream<Uint8Array>;
  isStream: boolean;
  contentType?: string;
}

/** A source while it is uploaded. */
export interface Upload {
  /** The number of bytes; undefined for a stream. */
  readonly size: number | undefined;
  /** Whether another attempt can read it. */
  canBeRead(): boolean;
  /** A multipart form with the field `file` (RFC 7578). Calls `progress` for each piece of a stream. */
  form(progress: () => void): Promise<Body>;
  /** The bytes. Calls `progress` for each piece of a stream. */
  bare(progress: () => void): Promise<Body>;
  /** SHA-256 in hexadecimal digits; undefined if it cannot be read again, or without Web Crypto. */
  sha256(): Promise<string | undefined>;
  /** What the source threw while it was read. */
  failure(): { error: unknown } | undefined;
}

const OCTETS = "application/octet-stream";
const FIELD = "file";

/** The upload of a source. Throws `InvalidArgumentError`. */
export function uploadOf(source: Source): Upload {
  if (source instanceof Blob) {
    return new BlobUpload(source);
  }
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) {
    return new BlobUpload(new Blob([source as BlobPart]));
  }
  if (typeof source === "function") {
    return new StreamUpload(source, true);
  }
  if (typeof (source as ReadableStream | undefined)?.getReader === "function") {
    return new StreamUpload(() => source, false);
  }
  throw new InvalidArgumentError(
    "source: must be a Blob, a File, an ArrayBuffer, a typed array, a ReadableStream, or a function that opens one; " +
      "for a path in Node.js, use file() of @pymager/client/node",
  );
}

class BlobUpload implements Upload {
  readonly size: number;

  constructor(private readonly blob: Blob) {
    this.size = blob.size;
  }

  canBeRead(): boolean {
    return true;
  }

  async form(): Promise<Body> {
    const form = new FormData();
    form.append(FIELD, this.blob, FIELD);
    return { body: form, isStream: false };
  }

  async bare(): Promise<Body> {
    return { body: this.blob, isStream: false, contentType: OCTETS };
  }

  async sha256(): Promise<string | undefined> {
    return digest(await this.blob.arrayBuffer());
  }

  failure(): undefined {
    return undefined;
  }
}

class StreamUpload implements Upload {
  readonly size = undefined;
  #wasRead = false;
  #failure: { error: unknown } | undefined;

  constructor(
    private readonly open: () => ReadableStream<Uint8Array> | Promise<ReadableStream<Uint8Array>>,
    private readonly canReopen: boolean,
  ) {}

  canBeRead(): boolean {
    return this.canReopen || !this.#wasRead;
  }

  async form(progress: () => void): Promise<Body> {
    const boundary = `pymager-${hex(crypto.getRandomValues(new Uint8Array(16)))}`;
    const head =
      `--${boundary}\r\nContent-Disposition: form-data; name="${FIELD}"; filename="${FIELD}"\r\n` +
      `Content-Type: ${OCTETS}\r\n\r\n`;
    const body = await this.#body(progress, head, `\r\n--${boundary}--\r\n`);
    return { body, isStream: true, contentType: `multipart/form-data; boundary=${boundary}` };
  }

  async bare(progress: () => void): Promise<Body> {
    return { body: await this.#body(progress, "", ""), isStream: true, contentType: OCTETS };
  }

  async sha256(): Promise<string | undefined> {
    return this.canReopen ? digest(await new Response(await this.open()).arrayBuffer()) : undefined;
  }

  failure(): { error: unknown } | undefined {
    return this.#failure;
  }

  async #body(progress: () => void, head: string, tail: string): Promise<ReadableStream<Uint8Array>> {
    if (!canUploadStreams()) {
      throw new InvalidArgumentError(
        "source: this browser cannot upload a stream; upload `await new Response(stream).blob()` instead",
      );
    }
    const stream = await this.#opened();
    return wrapped(stream, head, tail, progress, (error) => {
      this.#failure = { error };
    });
  }

  async #opened(): Promise<ReadableStream<Uint8Array>> {
    this.#wasRead = true;
    this.#failure = undefined;
    try {
      return await this.open();
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }
}

/** The stream between two texts. A failure of the stream goes to `failed`, and ends the whole. */
function wrapped(
  stream: ReadableStream<Uint8Array>,
  head: string,
  tail: string,
  progress: () => void,
  failed: (error: unknown) => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const reader = stream.getReader();
  return new ReadableStream<Uint8Array>({
    start(controller) {
      if (head !== "") {
        controller.enqueue(encoder.encode(head));
      }
    },
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        progress();
        if (!done) {
          controller.enqueue(checkedPiece(value));
          return;
        }
      } catch (error) {
        failed(error);
        throw error;
      }
      if (tail !== "") {
        controller.enqueue(encoder.encode(tail));
      }
      controller.close();
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

function checkedPiece(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) {
    throw new InvalidArgumentError("source: the stream must give pieces of the type Uint8Array");
  }
  return value;
}

/**
 * Whether `fetch` takes a stream as a body (Fetch standard).
 *
 * A platform that does not know such bodies ignores `duplex`, and converts the stream to a text.
 */
function canUploadStreams(): boolean {
  let asksForDuplex = false;
  const init = {
    method: "POST",
    body: new ReadableStream(),
    get duplex() {
      asksForDuplex = true;
      return "half";
    },
  };
  return !new Request("http://localhost", init).headers.has("Content-Type") && asksForDuplex;
}

async function digest(bytes: ArrayBuffer): Promise<string | undefined> {
  const subtle = globalThis.crypto?.subtle as SubtleCrypto | undefined;
  return subtle && hex(new Uint8Array(await subtle.digest("SHA-256", bytes)));
}
