/** Starts `pymager serve` on a free port over a temporary folder, for the tests and for the types of the API. */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const PACKAGE: string = fileURLToPath(new URL("../..", import.meta.url));
export const CHECKOUT: string = fileURLToPath(new URL("../../../..", import.meta.url));
const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 60_000;
const LISTENING = /http:\/\/127\.0\.0\.1:[0-9]+/;

/** A running server. */
export interface Server {
  url: string;
  stop(): Promise<void>;
}

/** `PYMAGER_PROGRAM`, a path or a command with arguments; otherwise the program in the checkout's environment. */
function program(): [string, ...string[]] {
  const given = process.env.PYMAGER_PROGRAM ?? join(CHECKOUT, ".venv/bin/pymager");
  const [command = given, ...rest] = existsSync(given) ? [given] : given.split(/\s+/).filter(Boolean);
  return [command, ...rest];
}

/** A server in development mode: user `test`, password `test`. `settings` are environment variables. */
export async function startServer(settings: Record<string, string> = {}): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), "pymager-client-"));
  const [command, ...rest] = program();
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("PYMAGER_"));
  const child = spawn(command, [...rest, "serve", "--dev", "--port", "0"], {
    cwd: folder,
    env: { ...Object.fromEntries(inherited), PYMAGER_LOG_FORMAT: "console", ...settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stop = async (): Promise<void> => {
    await ended(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    return { url: await listening(child), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The URL that the server prints when it listens. Its output is read on, so that it never blocks. */
function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    const timer = setTimeout(() => reject(new Error(`the server did not start:\n${output}`)), START_TIMEOUT_MS);
    const onData = (data: Buffer): void => {
      output = (output + data.toString()).slice(-100_000);
      const url = LISTENING.exec(output);
      if (url !== null) {
        clearTimeout(timer);
        resolve(url[0]);
      }
    };
    child.stdout?.on("data", onData);
    child.stderr?.on("data", onData);
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`the server ended with code ${code}:\n${output}`)));
  });
}

/** Stop the server, by force if it takes too long. */
function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    child.on("exit", () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill("SIGTERM");
  });
}
