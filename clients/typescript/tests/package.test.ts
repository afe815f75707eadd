import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { png } from "../tools/pictures.js";
import { CHECKOUT, PACKAGE, startServer } from "../tools/server.js";
import { KEY } from "../tools/vectors.js";

const run = promisify(execFile);
const TSC = join(PACKAGE, "node_modules/typescript/bin/tsc");
const STRICT = { strict: true, exactOptionalPropertyTypes: true, module: "nodenext", target: "es2022" };

test("the version is that of pymager", async () => {
  const project = await readFile(join(CHECKOUT, "pyproject.toml"), "utf8");
  const { version } = JSON.parse(await readFile(join(PACKAGE, "package.json"), "utf8")) as { version: string };
  assert.equal(version, /^version = "(.*)"$/m.exec(project)?.[1]);
});

test("the module for browsers imports nothing but its own files", async () => {
  const seen = new Set<string>();
  const visit = async (path: string): Promise<void> => {
    if (seen.has(path)) {
      return;
    }
    seen.add(path);
    const code = await readFile(path, "utf8");
    for (const [, name = ""] of code.matchAll(/\b(?:from|import)\s*"([^"]+)"/g)) {
      assert.match(name, /^\.\//, path);
      await visit(resolve(dirname(path), name));
    }
    assert.doesNotMatch(code, /\brequire\(|\bimport\(/);
  };
  await visit(join(PACKAGE, "dist/index.js"));
  assert.ok(seen.size > 5);
});

test("the packed package installs in an empty folder, type-checks there and works", async () => {
  const folder = await mkdtemp(join(tmpdir(), "pymager-consumer-"));
  const server = await startServer({ PYMAGER_SIGNING_KEYS: KEY, PYMAGER_SIGNATURES: "required" });
  try {
    const packed = await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], {
      cwd: PACKAGE,
    });
    const [{ filename, files }] = JSON.parse(packed.stdout) as [{ filename: string; files: { path: string }[] }];
    checkContents(files.map((file) => file.path));
    await writeFile(join(folder, "package.json"), '{"private": true, "type": "module"}');
    await run("npm", ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", `./${filename}`], {
      cwd: folder,
    });
    assert.deepEqual(
      (await readdir(join(folder, "node_modules"))).filter((name) => !name.startsWith(".")),
      ["@pymager"],
    );

    await cp(join(PACKAGE, "tests/consumer"), folder, { recursive: true });
    await compiled(folder, "page.ts", { lib: ["es2022", "dom", "dom.iterable"], types: [] });
    const typeRoots = [join(PACKAGE, "node_modules/@types")];
    await compiled(folder, "program.ts", { lib: ["es2022"], types: ["node"], typeRoots });

    const bytes = png(64, 48);
    await writeFile(join(folder, "photo.png"), bytes);
    const { stdout } = await run(process.execPath, ["program.js", server.url, KEY, "photo.png"], { cwd: folder });
    assert.deepEqual(JSON.parse(stdout), { isNew: false, size: bytes.length, status: 200, type: "image/jpeg" });
    await checkReadme(folder, server.url);
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

function checkContents(paths: string[]): void {
  for (const needed of [
    "LICENSE",
    "README.md",
    "dist/index.js",
    "dist/index.d.ts",
    "dist/index.js.map",
    "dist/node.js",
  ]) {
    assert.ok(paths.includes(needed), needed);
  }
  for (const path of paths) {
    assert.match(path, /^(?:LICENSE|README\.md|package\.json|dist\/\w+[.\w]*|src\/\w+\.ts)$/);
    if (path.endsWith(".js")) {
      assert.ok(
        paths.includes(path.replace(/^dist(.*)\.js$/, "src$1.ts")),
        `${path}: the source map's file is missing`,
      );
    }
  }
}

/** The examples of the README for Node.js work: the first one, and those that follow from it. */
async function checkReadme(folder: string, url: string): Promise<void> {
  const readme = await readFile(join(PACKAGE, "README.md"), "utf8");
  const blocks = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code = ""]) => code);
  const [first = "", , ...others] = blocks;
  assert.equal(first.trim().split("\n").length, 5);
  const code = first.replace("http://127.0.0.1:8000", url).replace('"admin"', '"test"');
  const program = `${code.replaceAll('"cat"', '"shown"')}${others.join("")}console.log(srcset, html);`;
  await writeFile(join(folder, "readme.js"), `const PASSWORD = "test", KEY = "${KEY}";\n${program}`);
  await cp(join(folder, "photo.png"), join(folder, "photo.jpg"));
  const { stdout } = await run(process.execPath, ["readme.js"], { cwd: folder });
  const shown = /^<img src="([^"]+)">$/m.exec(stdout)?.[1] ?? "";
  assert.equal((await fetch(shown)).status, 200, stdout);
  assert.match(stdout, /cat-400x\.webp\?sig=[\w-]{43} 400w, [\s\S]*<picture>\n/);
}

/** Compile a file of the folder; the types of libraries are checked too. */
async function compiled(folder: string, file: string, options: object): Promise<void> {
  const project = { compilerOptions: { ...STRICT, ...options }, files: [file] };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(project));
  try {
    await run(process.execPath, [TSC, "-p", "."], { cwd: folder });
  } catch (error) {
    assert.fail((error as { stdout: string }).stdout);
  }
}
