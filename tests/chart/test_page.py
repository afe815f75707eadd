"""docs/kubernetes.md: its values are rendered and validated, its policies are those of docs/backends.md."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.rendering import Manifest, of_kind, pods, render_all
from tests.chart.restricted import violations
from tests.chart.schemas import VERSIONS, faults

_DOCS = Path(__file__).parents[2] / "docs"
_PAGE = (_DOCS / "kubernetes.md").read_text()


def _blocks(language: str, page: str = _PAGE) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def rendered() -> list[list[Manifest]]:
    return render_all([yaml.safe_load(block) for block in _blocks("yaml")])


def test_all_values_on_the_page_make_valid_manifests(rendered: list[list[Manifest]]) -> None:
    assert len(rendered) == 6
    wrong = [line for manifests in rendered for m in manifests for version in VERSIONS for line in faults(m, version)]
    assert wrong == []
    assert [line for manifests in rendered for pod in pods(manifests) for line in violations(pod)] == []


def test_the_names_in_the_commands_and_the_trust_policy_are_those_of_the_manifests(
    rendered: list[list[Manifest]],
) -> None:
    volume, _, eks, *_ = rendered
    assert [claim["metadata"]["name"] for claim in of_kind(volume, "PersistentVolumeClaim")] == ["pictures"]
    subjects = set(re.findall(r'"system:serviceaccount:pictures:(.*)"', _PAGE))
    assert subjects == {account["metadata"]["name"] for account in of_kind(eks, "ServiceAccount")}
    assert {f"job/{job['metadata']['name']}" for job in of_kind(eks, "Job")} == set(re.findall(r"job/[a-z-]+", _PAGE))
    assert {f"deployment/{of_kind(eks, 'Deployment')[0]['metadata']['name']}"} == set(
        re.findall(r"deployment/[a-z-]+", _PAGE)
    )


def test_the_role_has_the_least_policies_and_no_more() -> None:
    (policy,) = [json.loads(block) for block in _blocks("json") if "Principal" not in block]
    backends = (_DOCS / "backends.md").read_text()
    indented = re.search(r"^    (\{\n(?:    .*\n)+?    \})$", backends, re.MULTILINE)
    assert indented is not None
    least = [*map(json.loads, _blocks("json", backends)), json.loads(indented[1])]
    assert _granted(policy) == {grant for each in least for grant in _granted(each)}


def _granted(policy: dict[str, Any]) -> set[tuple[str, str]]:
    return {
        (action, statement["Resource"].replace("PREFIX", "").replace("BUCKET*", "BUCKET/*"))
        for statement in policy["Statement"]
        for action in statement["Action"]
    }


def test_every_link_leads_somewhere() -> None:
    for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", _PAGE):
        text = (_DOCS / target).read_text()
        heads = {
            re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-")
            for head in re.findall(r"^#+ (.*)", text, re.MULTILINE)
        }
        assert not anchor or anchor in heads, f"{target}#{anchor}"
