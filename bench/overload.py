"""`make bench-overload`: ten times the cold traffic that can be rendered, most of it one client's: who sees what."""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from threading import Event, Thread

from bench import cpu, pictures
from bench.load import Load, LoadError
from bench.servers import Pymager

ROOT = Path(__file__).parents[1]
# A cache that is full soon: what is seen of memory is not its growth.
SETTINGS = {
    "PYMAGER_WORKERS": "2",
    "PYMAGER_TRUSTED_PROXIES": "127.0.0.0/8",
    "PYMAGER_MEMORY_CACHE": "16MB",
}
TIMES = 10
HIT_RATE = 100.0  # a second
MODEST, MODEST_SHARE = 4, 0.05  # clients, and what each asks for, of what can be rendered
TRIALS = 60
HIT_AIM, REFUSAL_AIM, MEMORY_AIM = 0.050, 0.020, 1.1
Outcome = dict[str, list[float]]


def main() -> int:
    """Measure and print; 0 also where an aim was missed."""
    options = _options()
    print(f"load of the machine before: {os.getloadavg()[0]:.1f}", flush=True)
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pymager-overload-")))
            server = stack.enter_context(Pymager(ROOT / ".venv" / "bin" / "pymager", folder / "pymager", SETTINGS))
            rate = _prepared(folder, server)
            with _watched(server.pid) as memory:
                outcomes = _flooded(server, rate, options.seconds)
    except LoadError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    _tell(outcomes, memory, rate, options.seconds)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.overload", description="Hits, refusals and memory in overload.")
    parser.add_argument("--seconds", type=int, default=120, help="how long; 120")
    return parser.parse_args()


def _prepared(folder: Path, server: Pymager) -> float:
    """Originals and a hit; gives how many cold requests a second are rendered by themselves."""
    photo = folder / "photo.jpg"
    photo.write_bytes(pictures.encoded(pictures.photograph(4000, 3000), "jpg"))
    with Load() as load:
        server.add(load, [f"photo-{number}" for number in range(8)], photo)
        load.send(server.port, [server.derived("photo-0", 1600, 1200, "jpg")], 1, expect=200)
        started = time.perf_counter()
        cold = [server.derived(f"photo-{number % 8}", 700 - number, 501, "jpg") for number in range(TRIALS)]
        load.send(server.port, cold, 4, expect=200)
        return TRIALS / (time.perf_counter() - started)


def _flooded(server: Pymager, rate: float, seconds: int) -> dict[str, Outcome]:
    sizes = product(range(300, 1100), range(300, 500))
    streams = {"hits": {"rate": HIT_RATE, "wires": [_wire("/derived/photo-0-1600x1200.jpg", "192.0.2.1")]}}
    for client in range(MODEST):
        streams[f"modest {client}"] = _cold(sizes, MODEST_SHARE * rate, seconds, f"192.0.2.{10 + client}")
    streams["greedy"] = _cold(sizes, (TIMES - MODEST * MODEST_SHARE) * rate, seconds, "192.0.2.66")
    job = {"port": server.port, "seconds": seconds, "streams": streams}
    command = [sys.executable, "-m", "bench.flood"]
    # Unbuffered, a line of over 64 KiB would be cut off where the pipe is full.
    env = {**os.environ, "PYTHONUNBUFFERED": ""}
    options = {"capture_output": True, "text": True, "cwd": ROOT, "env": env}
    done = subprocess.run(command, input=json.dumps(job), check=False, **options)
    if done.returncode:
        raise LoadError(done.stderr.strip().splitlines()[-1])
    outcomes: dict[str, Outcome] = json.loads(done.stdout)
    return outcomes


def _cold(sizes: "Iterator[tuple[int, int]]", rate: float, seconds: int, client: str) -> dict[str, object]:
    """Each request for a picture that nobody else asks for."""
    asked = [next(sizes) for _ in range(int(rate * seconds) + 1)]
    wires = [_wire(f"/derived/photo-{width % 8}-{width}x{height}.jpg", client) for width, height in asked]
    return {"rate": rate, "wires": wires}


def _wire(path: str, client: str) -> str:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: {client}\r\n\r\n"


@contextmanager
def _watched(pid: int) -> Iterator[list[int]]:
    """The server's memory with its workers', in bytes, once in five seconds while entered."""
    seen: list[int] = []
    done = Event()

    def watch() -> None:
        while not done.wait(5):
            seen.append(cpu.memory(pid))

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def _tell(outcomes: dict[str, Outcome], memory: list[int], rate: float, seconds: int) -> None:
    print(f"{rate:.0f} cold requests a second can be rendered; asked for {TIMES} times as many, for {seconds} s")
    lateness = outcomes.pop("")["lateness"]
    print("| client | asked | 200 | refused | pushed out | failed | p50 of 200 | p99 of 200 |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for name, outcome in outcomes.items():
        counts = " | ".join(str(len(outcome.get(kind, ()))) for kind in ("200", "503", "pushed out", "failed"))
        served = outcome.get("200", [])
        asked = sum(map(len, outcome.values()))
        print(f"| {name} | {asked} | {counts} | {_ms(served, 0.5)} | {_ms(served, 0.99)} |")
    refused = [each for outcome in outcomes.values() for each in outcome.get("503", ())]
    pushed = [each for outcome in outcomes.values() for each in outcome.get("pushed out", ())]
    hits = outcomes["hits"].get("200", [])
    _judge(f"p99 of hits {_ms(hits, 0.99)}", _share(hits, 0.99), HIT_AIM)
    _judge(f"refusals p50 {_ms(refused, 0.5)}, p99 {_ms(refused, 0.99)}", _share(refused, 0.99), REFUSAL_AIM)
    print(f"pushed out after p50 {_ms(pushed, 0.5)}, p99 {_ms(pushed, 0.99)}")
    quarter = max(1, len(memory) // 4)
    early, late = max(memory[:quarter]), max(memory[-quarter:])
    words = f"memory at most {early / 1e6:.0f} MB in the first quarter, {late / 1e6:.0f} MB in the last"
    _judge(words, late / early, MEMORY_AIM)
    late = f"p50 {_ms(lateness, 0.5)}, p99 {_ms(lateness, 0.99)}"
    print(f"for comparison, the clients, which only wait and send, were late by {late}")
    print(f"load of the machine after: {os.getloadavg()[0]:.1f}")


def _judge(words: str, value: float, aim: float) -> None:
    print(f"{words}: {'met' if value <= aim else 'missed'}")


def _share(times: list[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def _ms(times: list[float], share: float) -> str:
    return f"{_share(times, share) * 1e3:.1f} ms" if times else "-"


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
