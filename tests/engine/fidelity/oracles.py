"""Independent decoders: Chromium for the formats that it knows, else ImageMagick, libvips, ffmpeg and libheif.

`python -m tests.engine.fidelity.oracles` (`make fidelity`) asks them what every kind of file looks like, and writes
`expected.json`. It needs the packages chromium, imagemagick, libvips-tools, ffmpeg and libheif-examples of Debian 12.
For kinds whose colors follow from a specification, it prints what the decoders show instead, where they differ.
"""

import http.server
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from urllib.parse import unquote

from PIL import Image

from tests.engine.fidelity import expectation, patches
from tests.engine.fidelity.expectation import FILE, Colors, Expectation
from tests.engine.fidelity.table import KINDS

_CHROMIUM_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--force-color-profile=srgb"),
    "--remote-debugging-port=0",
)
_TIMEOUT_SECONDS = 300
_POINTS = [[x / 6, y / 6] for y in (1, 3, 5) for x in (1, 3, 5)]
_TYPES = {"jpg": "image/jpeg", "ico": "image/x-icon", "svg": "image/svg+xml"}
_PAGE = """<!doctype html><meta charset=utf-8><script>
const names = %s, points = %s;
(async () => {
  const shown = {};
  for (const name of names) {
    try {
      const image = new Image();
      image.src = "file/" + encodeURIComponent(name);
      await image.decode();
      const canvas = document.createElement("canvas");
      const [width, height] = [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
      const context = canvas.getContext("2d", {willReadFrequently: true, colorSpace: "srgb"});
      context.drawImage(image, 0, 0);
      const color = ([x, y]) =>
        Array.from(context.getImageData(Math.floor(x * width), Math.floor(y * height), 1, 1).data);
      shown[name] = {size: [width, height], colors: points.map(color)};
    } catch (error) {
      shown[name] = null;
    }
  }
  await fetch("/shown", {method: "POST", body: JSON.stringify(shown)});
})();
</script>"""


def chromium(folder: Path, names: list[str]) -> dict[str, Expectation | None]:
    """What Chromium draws of files in a folder; None for a file that it does not show."""
    answers: list[bytes] = []
    done = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            pass

        def do_GET(self) -> None:
            if self.path.startswith("/file/"):
                name = unquote(self.path.removeprefix("/file/"))
                extension = name.rpartition(".")[2]
                self._send((folder / name).read_bytes(), _TYPES.get(extension, f"image/{extension}"))
            else:
                self._send((_PAGE % (json.dumps(names), json.dumps(_POINTS))).encode(), "text/html")

        def do_POST(self) -> None:
            answers.append(self.rfile.read(int(self.headers["Content-Length"])))
            self._send(b"", "text/plain")
            done.set()

        def _send(self, body: bytes, content_type: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        url = f"http://127.0.0.1:{server.server_port}/"
        command = ["chromium", *_CHROMIUM_OPTIONS, f"--user-data-dir={profile}", url]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        done.wait(_TIMEOUT_SECONDS)
        browser.terminate()
        browser.wait()
    server.shutdown()
    shown = json.loads(answers[0])
    return {
        name: answer and Expectation([tuple(color) for color in answer["colors"]], tuple(answer["size"]))
        for name, answer in shown.items()
    }


_COMMANDS: dict[str, tuple[str, ...]] = {
    "imagemagick": ("convert", "{file}[0]", "-auto-orient", "-depth", "8", "png32:{out}"),
    "libvips": ("vips", "icc_transform", "{file}", "{out}", "srgb", "--intent", "relative", "--embedded"),
    "ffmpeg": ("ffmpeg", "-v", "error", "-i", "{file}", "-frames:v", "1", "-pix_fmt", "rgba", "{out}"),
    "libheif": ("heif-convert", "{file}", "{out}"),
}
_VERSIONS = {
    "chromium": ("chromium", "--version"),
    "imagemagick": ("convert", "--version"),
    "libvips": ("vips", "--version"),
    "ffmpeg": ("ffmpeg", "-version"),
    "libheif": ("heif-enc", "--help"),
}


def ask(oracle: str, file: Path) -> Expectation | None:
    """What a decoder other than Chromium shows of a file; None if it refuses the file."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out.png")
        command = [part.format(file=file, out=out) for part in _COMMANDS[oracle]]
        if subprocess.run(command, capture_output=True, check=False).returncode or not out.exists():
            return None
        with Image.open(out) as picture:
            return Expectation(patches.middles(picture), picture.size)


def main() -> None:
    """Ask every decoder, write `expected.json`, and print where decoders differ from a specification."""
    missing = [command[0] for command in _VERSIONS.values() if shutil.which(command[0]) is None]
    if missing:
        sys.exit(f"not installed: {', '.join(missing)}; see the docstring of {__name__} for the packages")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in KINDS.values():
            (folder / kind.name).write_bytes(kind.data())
        in_chromium = [kind.name for kind in KINDS.values() if kind.oracle == "chromium" and not kind.refused]
        answers = chromium(folder, in_chromium)
        answers |= {
            kind.name: ask(kind.oracle, folder / kind.name) for kind in KINDS.values() if kind.oracle in _COMMANDS
        }
        for kind in KINDS.values():
            if kind.oracle == "spec" and not kind.refused:
                _compare(folder / kind.name, kind.tolerance)
    lost = sorted(name for name, answer in answers.items() if answer is None)
    if lost:
        sys.exit(f"not shown by their decoder: {', '.join(lost)}")
    FILE.write_text(_text({name: answer for name, answer in answers.items() if answer is not None}))


def _compare(file: Path, tolerance: int) -> None:
    expected = expectation.expectation(file.name).colors
    agree, differ = [], []
    for oracle in _COMMANDS:
        if (answer := ask(oracle, file)) is not None:
            (agree if expectation.difference(answer.colors, expected) <= tolerance + 2 else differ).append(oracle)
    print(f"{file.name}: agree: {', '.join(agree) or 'none'}; differ: {', '.join(differ) or 'none'}")


def _text(answers: dict[str, Expectation]) -> str:
    versions = {}
    for oracle, command in _VERSIONS.items():
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        versions[oracle] = (done.stdout + done.stderr).strip().splitlines()[0].strip()
    kinds = {
        name: {"oracle": KINDS[name].oracle, "size": answer.size, "colors": _hexadecimal(answer.colors)}
        for name, answer in sorted(answers.items())
    }
    return json.dumps({"decoders": versions, "kinds": kinds}, indent=1) + "\n"


def _hexadecimal(colors: Colors) -> list[str]:
    return [bytes(color).hex() for color in colors]


if __name__ == "__main__":
    main()
