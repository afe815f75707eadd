"""What docs/kubernetes.md says beside its values: names in its commands, its policies, its links."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.rendering import Manifest, of_kind, render

_DOCS = Path(__file__).parents[2] / "docs"
_PAGE = (_DOCS / "kubernetes.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", _PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def on_eks() -> list[Manifest]:
    (values,) = [yaml.safe_load(block) for block in _blocks("yaml") if "eks.amazonaws.com" in block]
    return render(values)


def test_the_names_on_the_page_are_those_of_the_manifests(on_eks: list[Manifest]) -> None:
    accounts = set(re.findall(r'"system:serviceaccount:pictures:(.*)"', _PAGE))
    assert accounts == {account["metadata"]["name"] for account in of_kind(on_eks, "ServiceAccount")}
    for kind in ("Deployment", "Job"):
        named = set(re.findall(rf"\b{kind.lower()}/([a-z-]+)", _PAGE))
        assert named == {manifest["metadata"]["name"] for manifest in of_kind(on_eks, kind)}, kind


def test_the_role_has_the_least_policies_and_no_more() -> None:
    (policy,) = [json.loads(block) for block in _blocks("json") if "Principal" not in block]
    least = [found for found in _documents((_DOCS / "backends.md").read_text()) if "Statement" in found]
    assert len(least) == 2, "of S3 and of DynamoDB"
    assert _granted(policy) == {grant for found in least for grant in _granted(found)}


def _documents(page: str) -> list[dict[str, Any]]:
    """The JSON objects of a page, in fences or indented."""
    starts = [match.start(1) for match in re.finditer(r"^ *(\{)$", page, re.MULTILINE)]
    outermost, found = 0, []
    for start in starts:
        if start >= outermost:
            document, outermost = json.JSONDecoder().raw_decode(page, start)
            found.append(document)
    return found


def _granted(policy: dict[str, Any]) -> set[tuple[str, str]]:
    """Each action with its resource, without a prefix in the bucket."""
    return {
        (action, statement["Resource"].replace("/PREFIX*", "/*"))
        for statement in policy["Statement"]
        for action in statement["Action"]
    }


def test_every_link_leads_somewhere() -> None:
    for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", _PAGE):
        heads = re.findall(r"^#+ (.*)", (_DOCS / target).read_text(), re.MULTILINE)
        anchors = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
        assert not anchor or anchor in anchors, f"{target}#{anchor}"
