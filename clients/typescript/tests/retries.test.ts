import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type TestContext, test } from "node:test";
import {
  Client,
  type ClientOptions,
  ConflictError,
  ConnectionFailedError,
  InvalidRequestError,
  NotFoundError,
  PreconditionFailedError,
  ServerError,
  StorageFullError,
  TimedOutError,
  TooManyRequestsError,
  UnavailableError,
  UnexpectedResponseError,
} from "@pymager/client";
import { cut, type Handler, json, problem, type Scripted, scripted } from "../tools/scripted.js";

const BYTES = new Uint8Array([1, 2, 3]);
const ORIGINAL = { id: "cat", sha256: createHash("sha256").update(BYTES).digest("hex") };
const OTHER = { id: "cat", sha256: "0".repeat(64) };
const NOW = { "Retry-After": "0" };
const LONG_MS = 100_000; // never waited for

async function served(t: TestContext, ...answers: Handler[]): Promise<Scripted> {
  const server = await scripted(...answers);
  t.after(() => server.stop());
  return server;
}

function clientOf(server: Scripted, options: ClientOptions = {}): Client {
  return new Client(server.url, { username: "test", password: "test", retryDelay: 1, ...options });
}

for (const status of [429, 502, 503, 504]) {
  test(`a request is repeated after ${status}`, async (t) => {
    const server = await served(t, problem(status, NOW), problem(status), json(200, ORIGINAL));
    assert.equal((await clientOf(server).info("cat")).id, "cat");
    assert.equal(server.requests.length, 3);
  });
}

for (const [status, kind] of [
  [400, InvalidRequestError],
  [404, NotFoundError],
  [418, InvalidRequestError],
  [500, ServerError],
  [501, ServerError],
  [507, StorageFullError],
] as const) {
  test(`${status} is final`, async (t) => {
    const server = await served(t, problem(status, NOW), json(200, ORIGINAL));
    await assert.rejects(clientOf(server).info("cat"), (error) => error instanceof kind && error.status === status);
    assert.equal(server.requests.length, 1);
  });
}

test("after the last attempt the last error is thrown", async (t) => {
  const server = await served(t, problem(503, NOW));
  const error = await clientOf(server, { maxAttempts: 3 })
    .info("cat")
    .catch((error: unknown) => error);
  assert.ok(error instanceof UnavailableError);
  assert.equal(error.retryAfter, 0);
  assert.equal(server.requests.length, 3);
});

test("Retry-After is a number of seconds, or a date by the server's clock", async (t) => {
  const clock = { Date: "Fri, 01 Jan 2100 00:00:00 GMT" };
  const after = (value: string) => problem(503, { ...clock, "Retry-After": value });
  const server = await served(
    t,
    after("7"),
    after("Fri, 01 Jan 2100 00:00:30 GMT"),
    after("Thu, 31 Dec 2099 23:00:00 GMT"),
    after("soon"),
    after("-1"),
    problem(503),
  );
  const seen: unknown[] = [];
  for (let i = 0; i < 6; i++) {
    const error = await clientOf(server, { maxAttempts: 1 })
      .info("cat")
      .catch((error: unknown) => error);
    seen.push((error as UnavailableError).retryAfter);
  }
  assert.deepEqual(seen, [7, 30, 0, undefined, undefined, undefined]);
});

/** Waits before further attempts take no time; the returned list has them. The client's timeout is `LONG_MS`. */
function immediateWaits(t: TestContext): number[] {
  const waits: number[] = [];
  const real = globalThis.setTimeout;
  t.mock.method(globalThis, "setTimeout", ((run: () => void, ms = 0) => {
    // The others are the client's timeout, and timers of the platform's fetch.
    const isWait = ms < LONG_MS && new Error().stack?.includes("/dist/retries.js") === true;
    if (isWait) {
      waits.push(ms);
    }
    return real(run, isWait ? 0 : ms);
  }) as typeof setTimeout);
  return waits;
}

function refusing(retryAfter: string | undefined, options: ClientOptions = {}): Client {
  const headers = retryAfter === undefined ? {} : { "Retry-After": retryAfter };
  const refused = async () => new Response("", { status: 503, headers });
  return new Client("http://127.0.0.1:1", { timeout: LONG_MS, fetch: refused, ...options });
}

test("the client waits as long as Retry-After says, at most a minute, and at most two minutes in all", async (t) => {
  const waits = immediateWaits(t);
  await assert.rejects(refusing("7", { maxAttempts: 3 }).info("cat"), UnavailableError);
  assert.deepEqual(waits.splice(0), [7_000, 7_000]);
  await assert.rejects(refusing("3600", { maxAttempts: 10 }).info("cat"), UnavailableError);
  assert.deepEqual(waits, [60_000, 60_000]);
});

test("without Retry-After, the wait doubles up to ten seconds, with jitter", async (t) => {
  const waits = immediateWaits(t);
  await assert.rejects(refusing(undefined, { maxAttempts: 8, retryDelay: 400 }).info("cat"), UnavailableError);
  const longest = [400, 800, 1_600, 3_200, 6_400, 10_000, 10_000];
  assert.equal(waits.length, longest.length);
  waits.forEach((wait, index) => {
    const most = longest[index] ?? 0;
    assert.ok(most / 2 <= wait && wait <= most, `${wait} of ${most}`);
  });
});

test("a wait can be cancelled", async (t) => {
  const controller = new AbortController();
  const real = globalThis.setTimeout;
  t.mock.method(globalThis, "setTimeout", ((run: () => void, ms = 0) => {
    if (ms === 50_000) {
      setImmediate(() => controller.abort(new Error("enough")));
    }
    return real(run, ms);
  }) as typeof setTimeout);
  await assert.rejects(refusing("50").info("cat", { signal: controller.signal }), { message: "enough" });
});

test("a connection that breaks is repeated for what has the same effect twice", async (t) => {
  const server = await served(t, cut, cut, json(200, ORIGINAL));
  await clientOf(server).info("cat");
  assert.equal(server.requests.length, 3);
  const uploads = await served(t, cut, json(201, ORIGINAL));
  assert.equal((await clientOf(uploads).upload(BYTES, "cat")).id, "cat");
  const replaces = await served(t, cut, json(200, ORIGINAL));
  assert.equal((await clientOf(replaces).replace("cat", () => new Blob([BYTES]).stream())).isNew, false);
  for (const { requests } of [uploads, replaces]) {
    assert.equal(requests.length, 2);
  }
  assert.deepEqual([...(replaces.requests[1]?.body ?? [])], [...BYTES]);
});

test("a body that ends too early is repeated", async (t) => {
  const short: Handler = (response) => {
    response.writeHead(200, { "Content-Type": "image/png", "Content-Length": "10" });
    response.write("123");
    setImmediate(() => response.socket?.destroy());
  };
  const server = await served(t, short, (response) => response.writeHead(200).end("1234567890"));
  assert.equal((await clientOf(server).download("cat")).size, 10);
  assert.equal(server.requests.length, 2);
});

test("an upload without an id is only repeated if the server has not begun it", async (t) => {
  for (const answer of [cut, problem(503, NOW), problem(502)]) {
    const server = await served(t, answer, json(201, ORIGINAL));
    await assert.rejects(clientOf(server).upload(BYTES));
    assert.equal(server.requests.length, 1);
  }
  const limited = await served(t, problem(429, NOW), json(201, ORIGINAL));
  assert.equal((await clientOf(limited).upload(BYTES)).id, "cat");
  assert.equal(limited.requests.length, 2);
});

test("a refused connection is known not to have arrived, and is tried again", async (t) => {
  const server = await served(t, json(201, ORIGINAL));
  await server.stop();
  let attempts = 0;
  const client = clientOf(server, {
    maxAttempts: 3,
    fetch: (input, init) => {
      attempts += 1;
      return fetch(input, init);
    },
  });
  const error = await client.upload(BYTES).catch((error: unknown) => error);
  assert.ok(error instanceof ConnectionFailedError);
  assert.equal(error.mayHaveArrived, false);
  assert.match(error.message, /ECONNREFUSED/);
  assert.equal(attempts, 3);
});

test("a stream is never sent twice", async (t) => {
  const server = await served(t, problem(503, NOW), json(201, ORIGINAL));
  await assert.rejects(clientOf(server).upload(new Blob([BYTES]).stream(), "cat"), UnavailableError);
  await assert.rejects(
    clientOf(await served(t, cut)).replace("cat", new Blob([BYTES]).stream()),
    ConnectionFailedError,
  );
  assert.equal(server.requests.length, 1);
});

test("a 409 to a repeated upload is a success if the server has these bytes", async (t) => {
  const server = await served(t, cut, problem(409), json(200, ORIGINAL));
  assert.equal((await clientOf(server).upload(BYTES, "cat")).sha256, ORIGINAL.sha256);
  assert.deepEqual(
    server.requests.map((request) => `${request.method} ${request.target}`),
    ["POST /original/cat", "POST /original/cat", "GET /info/cat"],
  );
});

test("a 409 stays an error for other bytes, for a first attempt, and if nothing can have been stored", async (t) => {
  const others = await served(t, cut, problem(409), json(200, OTHER));
  await assert.rejects(clientOf(others).upload(BYTES, "cat"), ConflictError);
  const absent = await served(t, cut, problem(409), problem(404));
  await assert.rejects(clientOf(absent).upload(BYTES, "cat"), ConflictError);
  for (const answers of [[problem(409)], [problem(429, NOW), problem(409)]]) {
    const server = await served(t, ...answers, json(200, ORIGINAL));
    await assert.rejects(clientOf(server).upload(BYTES, "cat"), ConflictError);
    assert.equal(server.requests.length, answers.length);
  }
});

test("a 412 to a repeated replace is a success if the server has these bytes", async (t) => {
  for (const [options, isNew] of [
    [{ onlyIfNew: true }, true],
    [{ ifMatch: "1".repeat(64) }, false],
  ] as const) {
    const server = await served(t, cut, problem(412), json(200, ORIGINAL));
    assert.deepEqual(await clientOf(server).replace("cat", BYTES, options), { original: ORIGINAL, isNew });
    const others = await served(t, cut, problem(412), json(200, OTHER));
    await assert.rejects(clientOf(others).replace("cat", BYTES, options), PreconditionFailedError);
  }
});

test("a 404 to a repeated delete is a success", async (t) => {
  await clientOf(await served(t, cut, problem(404))).delete("cat");
  await clientOf(await served(t, problem(503, NOW), problem(404))).delete("cat");
  await assert.rejects(clientOf(await served(t, problem(404))).delete("cat"), NotFoundError);
  await assert.rejects(clientOf(await served(t, problem(429, NOW), problem(404))).delete("cat"), NotFoundError);
});

test("a proxy's page gives the same classes", async (t) => {
  const page: Handler = (response) =>
    response.writeHead(502, "Bad Gateway", { "Content-Type": "text/html" }).end("<h1>Bad Gateway</h1>");
  const error = await clientOf(await served(t, page), { maxAttempts: 1 })
    .info("cat")
    .catch((error: unknown) => error);
  assert.ok(error instanceof UnavailableError);
  assert.deepEqual([error.status, error.title, error.type], [502, "Bad Gateway", "about:blank"]);
  for (const body of ["{", "[]", '"text"', '{"title": 1}', "x".repeat(200_000)]) {
    const broken: Handler = (response) =>
      response.writeHead(429, { "Content-Type": "application/problem+json", "X-Request-ID": "r2" }).end(body);
    const client = clientOf(await served(t, broken), { maxAttempts: 1 });
    await assert.rejects(
      client.info("cat"),
      (error) => error instanceof TooManyRequestsError && error.requestId === "r2",
    );
  }
});

test("a problem document is read up to a limit", async (t) => {
  const large = (size: number): Handler =>
    json(404, { title: "Title", detail: "x".repeat(size) }, { "Content-Type": "application/problem+json" });
  const client = clientOf(await served(t, large(60_000), large(70_000)));
  await assert.rejects(client.info("cat"), (error) => error instanceof NotFoundError && error.detail.length === 60_000);
  await assert.rejects(client.info("cat"), (error) => error instanceof NotFoundError && error.detail.length < 100);
});

test("a success that pymager does not send is an error", async (t) => {
  for (const body of ["<p>Hello</p>", "[]", "{}", "null"]) {
    const server = await served(t, (response) => response.writeHead(200).end(body));
    await assert.rejects(clientOf(server).info("cat"), UnexpectedResponseError);
    await assert.rejects(clientOf(server).upload(BYTES, "cat"), UnexpectedResponseError);
    await assert.rejects(clientOf(server).originals().next(), UnexpectedResponseError);
  }
});

test("a redirect is not followed, so that no other host gets credentials or a picture", async (t) => {
  const other = await served(t, json(200, ORIGINAL));
  for (const status of [301, 302, 307, 308]) {
    const server = await served(t, (response) =>
      response.writeHead(status, { Location: `${other.url}/original/cat` }).end(),
    );
    const client = clientOf(server, { signingKey: "ab".repeat(32) });
    const calls: (() => Promise<unknown>)[] = [
      () => client.info("cat"),
      () => client.upload(BYTES, "cat"),
      () => client.delete("cat"),
      () => client.originals().next(),
    ];
    for (const call of calls) {
      await assert.rejects(call(), (error) => error instanceof UnexpectedResponseError && error.status === status);
    }
  }
  assert.equal(other.requests.length, 0);
});

test("credentials go with writes, and with reads only if these are not signed", async (t) => {
  const basic = `Basic ${Buffer.from("jürgen:pässword").toString("base64")}`;
  const server = await served(t, json(200, ORIGINAL));
  const credentials = { username: "jürgen", password: "pässword" };
  await clientOf(server, credentials).info("cat");
  await clientOf(server, { ...credentials, signingKey: "ab".repeat(32) }).info("cat");
  await clientOf(server, { ...credentials, signingKey: "ab".repeat(32) }).upload(BYTES, "cat");
  await new Client(server.url, { token: "secret" }).upload(BYTES, "cat");
  await new Client(server.url).upload(BYTES, "cat");
  assert.deepEqual(
    server.requests.map((request) => request.headers.authorization),
    [basic, undefined, basic, "Bearer secret", undefined],
  );
  assert.match(server.requests[1]?.target ?? "", /^\/info\/cat\?exp=[0-9]+&sig=[\w-]{43}$/);
});

test("a server that does not answer, or stops in the middle, times out", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const options = { timeout: LONG_MS, maxAttempts: 1 };
  const silent = await served(t, () => t.mock.timers.tick(LONG_MS));
  await assert.rejects(clientOf(silent, options).info("cat"), TimedOutError);
  const stalling = await served(t, (response) => {
    response.writeHead(200, { "Content-Length": "10" }).write("123", () => t.mock.timers.tick(LONG_MS));
  });
  await assert.rejects(clientOf(stalling, options).download("cat"), TimedOutError);
});

test("a stream that stops in the middle times out", async (t) => {
  const stalling = await served(t, (response) => response.writeHead(200, { "Content-Length": "10" }).write("123"));
  const reader = (await clientOf(stalling, { timeout: LONG_MS }).downloadStream("cat")).getReader();
  assert.equal((await reader.read()).value?.length, 3);
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const next = reader.read();
  await new Promise((resolve) => setImmediate(resolve)); // the read has begun
  t.mock.timers.tick(LONG_MS);
  await assert.rejects(next, TimedOutError);
});

test("a signal ends a call at once, with its reason", async (t) => {
  const silent = await served(t, () => controller.abort());
  const controller = new AbortController();
  const call = clientOf(silent, { timeout: LONG_MS }).upload(BYTES, "cat", { signal: controller.signal });
  await assert.rejects(call, { name: "AbortError" });
  await assert.rejects(clientOf(silent).info("cat", { signal: AbortSignal.abort(new Error("before")) }), {
    message: "before",
  });
  assert.equal(silent.requests.length, 1);
});

test("a signal and the timeout also end what does not know them", async (t) => {
  const never = new Promise<never>(() => undefined);
  const controller = new AbortController();
  const opening = () => {
    setImmediate(() => controller.abort(new Error("enough")));
    return never;
  };
  const server = await served(t, json(201, ORIGINAL));
  const options = { timeout: LONG_MS, signal: controller.signal };
  await assert.rejects(clientOf(server).upload(opening, "cat", options), { message: "enough" });
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const stuck = () => {
    setImmediate(() => t.mock.timers.tick(LONG_MS));
    return never;
  };
  await assert.rejects(clientOf(server, { fetch: stuck, timeout: LONG_MS, maxAttempts: 1 }).info("cat"), TimedOutError);
  assert.equal(server.requests.length, 0);
});

test("a signal ends a stream that is read", async (t) => {
  const stalling = await served(t, (response) => response.writeHead(200, { "Content-Length": "10" }).write("123"));
  const controller = new AbortController();
  const options = { signal: controller.signal, timeout: LONG_MS };
  const reader = (await clientOf(stalling).downloadStream("cat", options)).getReader();
  assert.equal((await reader.read()).value?.length, 3);
  const next = reader.read();
  controller.abort(new Error("enough"));
  await assert.rejects(next, { message: "enough" });
});

test("a stream that is uploaded slowly does not time out as long as it goes on", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const server = await served(t, json(201, ORIGINAL));
  let pieces = 0;
  const slow = new ReadableStream<Uint8Array>({
    pull(controller) {
      t.mock.timers.tick(LONG_MS * 0.9);
      pieces += 1;
      if (pieces > 8) {
        controller.close();
      } else {
        controller.enqueue(BYTES);
      }
    },
  });
  await clientOf(server, { timeout: LONG_MS, maxAttempts: 1 }).upload(slow, "cat");
  assert.match(server.requests[0]?.body.toString("latin1") ?? "", /name="file"; filename="file"/);
});

test("an upload of a known size has more time", async (t) => {
  const armed: number[] = [];
  const real = globalThis.setTimeout;
  t.mock.method(globalThis, "setTimeout", ((run: () => void, ms = 0) => {
    armed.push(ms);
    return real(run, ms);
  }) as typeof setTimeout);
  const stored = async () => Response.json(ORIGINAL, { status: 201 });
  await new Client("http://127.0.0.1:1", { timeout: 1_000, fetch: stored }).upload(new Uint8Array(655_360), "cat");
  assert.equal(Math.max(...armed.map(Math.round)), 11_000);
});
