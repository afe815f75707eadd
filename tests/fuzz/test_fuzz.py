"""The targets of fuzzing, with their seeds, some thousand mutations, and every input that once failed."""

from pathlib import Path

import pytest

from tests.fuzz.mutations import mutated
from tests.fuzz.targets import TARGETS

_INPUTS = 400
_FINDINGS = Path(__file__).with_name("findings")


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_breaks_a_promise(name: str) -> None:
    target = TARGETS[name]
    seeds = target.seeds()
    findings = [path.read_bytes() for path in sorted((_FINDINGS / name).glob("*"))]
    for data in (*seeds, *findings):
        target.run(data)
    for number in range(_INPUTS):
        data = mutated(seeds, target.tokens, number)
        try:
            target.run(data)
        except BaseException as error:
            raise AssertionError(f"{name}, input {number}: {data[:2_000]!r}") from error


def test_findings_belong_to_targets() -> None:
    assert {path.name for path in _FINDINGS.iterdir()} <= TARGETS.keys()
