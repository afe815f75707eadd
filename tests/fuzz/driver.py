"""Runs one target for a time, in a process of its own: the code that is measured must not be imported before."""

import contextlib
import sys
import tempfile
import time
import traceback
from hashlib import sha256
from pathlib import Path

_MAX_LENGTH = 1 << 16
_SLOWEST_SECONDS = 20  # of one input; atheris reports a longer one


def plain(name: str, seconds: float, seed: int, findings: Path) -> None:
    """Run mutations of the seeds."""
    from tests.fuzz.mutations import mutated
    from tests.fuzz.targets import TARGETS

    target, end, number = TARGETS[name], time.monotonic() + seconds, seed << 32
    seeds = target.seeds()
    while time.monotonic() < end:
        data = mutated(seeds, target.tokens, number)
        try:
            target.run(data)
        except BaseException:
            path = findings / f"{name}-{sha256(data).hexdigest()[:16]}"
            path.write_bytes(data)
            traceback.print_exc()
            print(f"repeat: python -m tests.fuzz {name} --input {path}", flush=True)
            sys.exit(1)
        number += 1
    print(f"{name}: {number - (seed << 32)} inputs", flush=True)


def guided(name: str, seconds: float, seed: int, findings: Path) -> None:
    """Let atheris choose the inputs."""
    import atheris

    with atheris.instrument_imports(include=["pymager", "pymager_aws", "pymager_s3", "multipart"]):
        from tests.fuzz.targets import TARGETS
    target = TARGETS[name]
    with tempfile.TemporaryDirectory(prefix="pymager-fuzz-") as folder, contextlib.chdir(folder):
        corpus = Path("corpus")
        corpus.mkdir()
        for number, data in enumerate(target.seeds()):
            (corpus / str(number)).write_bytes(data)
        Path("tokens").write_text("".join(f'"{_escaped(token)}"\n' for token in target.tokens))
        where = f"{findings}/{name}-"
        options = [f"-max_total_time={seconds:.0f}", f"-seed={seed}", f"-max_len={_MAX_LENGTH}", "-rss_limit_mb=3000"]
        options += [f"-timeout={_SLOWEST_SECONDS}", "-dict=tokens", f"-artifact_prefix={where}", "-print_final_stats=1"]
        atheris.Setup([sys.argv[0], *options, "corpus"], target.run)
        atheris.Fuzz()


def _escaped(token: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in token)
