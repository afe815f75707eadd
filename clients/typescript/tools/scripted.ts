/** A small HTTP server that answers each request as its test says, and records the requests. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What the server got. */
export interface Recorded {
  method: string;
  target: string;
  headers: IncomingMessage["headers"];
  body: Buffer;
}

export type Handler = (response: ServerResponse, request: Recorded) => void;

/** A server, and the requests that it got. */
export interface Scripted {
  url: string;
  requests: Recorded[];
  stop(): Promise<void>;
}

/** Each request gets the next of these answers; the last one stays. */
export async function scripted(...answers: Handler[]): Promise<Scripted> {
  const requests: Recorded[] = [];
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    try {
      for await (const piece of request) {
        pieces.push(piece as Buffer);
      }
    } catch {
      return; // the client has gone away
    }
    const recorded = {
      method: request.method ?? "",
      target: request.url ?? "",
      headers: request.headers,
      body: Buffer.concat(pieces),
    };
    requests.push(recorded);
    (answers[requests.length - 1] ?? answers.at(-1))?.(response, recorded);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An answer with a JSON body. */
export function json(status: number, value: unknown, headers: Record<string, string> = {}): Handler {
  return (response) =>
    response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(value));
}

/** An answer with a problem document. */
export function problem(status: number, headers: Record<string, string> = {}): Handler {
  const document = { type: "about:blank", title: "Title", status, detail: `Detail of ${status}.`, request_id: "r1" };
  return json(status, document, { "Content-Type": "application/problem+json", ...headers });
}

/** No answer: the connection is cut. */
export const cut: Handler = (response) => response.socket?.destroy();
