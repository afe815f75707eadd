// Requests to the API. Errors are Problems, with the sentence that the API has written (RFC 9457).

import { session } from "./session.js";

/** Where the API is: one folder above this file, so that a path prefix before it does not matter. */
export const root = new URL("..", import.meta.url);

export class Problem extends Error {
  constructor(status, detail, retryAfter = null) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
  }

  static from(status, text, retryAfter) {
    try {
      const { detail } = JSON.parse(text);
      if (typeof detail === "string") return new Problem(status, detail, retryAfter);
    } catch {
      // A proxy's page, or nothing.
    }
    return new Problem(status, `The server responded with the status ${status}.`, retryAfter);
  }
}

const UNREACHABLE = "The server cannot be reached. Check the connection, then try again.";

/** A response whose status is below 400. `credentials: "omit"` keeps the browser's own password dialog closed. */
export async function request(path, { headers = {}, authorization = session.authorization, ...options } = {}) {
  let response;
  try {
    response = await fetch(new URL(path, root), {
      ...options,
      headers: authorization ? { ...headers, Authorization: authorization } : headers,
      credentials: "omit",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, UNREACHABLE);
  }
  if (response.ok) return response;
  const failure = Problem.from(response.status, await response.text(), response.headers.get("Retry-After"));
  if (failure.status === 401 && authorization && authorization === session.authorization) session.end(failure.message);
  throw failure;
}

export async function json(path, options) {
  return (await request(path, options)).json();
}

export const segment = encodeURIComponent;
export const originalPath = (id) => `original/${segment(id)}`;

export const api = {
  config: (authorization) => json("ui/config.json", { authorization, cache: "no-store" }),
  info: (id, signal) => json(`info/${segment(id)}`, { signal, cache: "no-cache" }),
  remove: (id, sha256) => request(originalPath(id), { method: "DELETE", headers: { "If-Match": `"${sha256}"` } }),
  sign: (url, seconds) =>
    json("sign", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ url, expires_in: seconds }),
    }),
  list({ prefix, cursor, limit, signal }) {
    const query = new URLSearchParams({ limit });
    if (prefix) query.set("prefix", prefix);
    if (cursor) query.set("cursor", cursor);
    return json(`original?${query}`, { signal });
  },
};

/**
 * Sends a file, and tells the progress in bytes; fetch cannot tell it. Resolves to the original's description.
 * `replaces` is the SHA-256 of the original to replace, or true for whatever has the id.
 */
export function upload(file, id, { replaces = null, progress = () => {}, signal } = {}) {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open(replaces ? "PUT" : "POST", new URL(originalPath(id), root));
    // The server then challenges with Bearer only: at Basic, the browser would open its own password dialog.
    sending.setRequestHeader("X-Requested-With", "XMLHttpRequest");
    if (session.authorization) sending.setRequestHeader("Authorization", session.authorization);
    if (typeof replaces === "string") sending.setRequestHeader("If-Match", `"${replaces}"`);
    sending.upload.addEventListener("progress", (event) => progress(event.loaded, event.total));
    sending.addEventListener("load", () => {
      if (sending.status < 400) return resolve(JSON.parse(sending.responseText));
      const failure = Problem.from(sending.status, sending.responseText, sending.getResponseHeader("Retry-After"));
      if (failure.status === 401) session.end(failure.message);
      return reject(failure);
    });
    sending.addEventListener("error", () => reject(new Problem(0, UNREACHABLE)));
    sending.addEventListener("abort", () => reject(new DOMException("canceled", "AbortError")));
    signal?.addEventListener("abort", () => sending.abort());
    if (replaces) {
      sending.send(file);
    } else {
      const form = new FormData();
      form.append("file", file);
      sending.send(form);
    }
  });
}
