"""What docs/how-to/kubernetes.md says beside its values: names in its commands, its policies, its links."""

import json
import re
from typing import Any

import pytest

from tests.chart.page import DOCS, PAGE, policies, values_files
from tests.chart.rendering import Manifest, of_kind, render


@pytest.fixture(scope="module")
def on_eks() -> list[Manifest]:
    (values,) = [values for values in values_files() if "serviceAccount" in values]
    return render(values)


def test_the_names_on_the_page_are_those_of_the_manifests(on_eks: list[Manifest]) -> None:
    accounts = set(re.findall(r'"system:serviceaccount:pictures:(.*)"', PAGE))
    assert accounts == {account["metadata"]["name"] for account in of_kind(on_eks, "ServiceAccount")}
    for kind in ("Deployment", "Job"):
        named = set(re.findall(rf"\b{kind.lower()}/([a-z-]+)", PAGE))
        assert named == {manifest["metadata"]["name"] for manifest in of_kind(on_eks, kind)}, kind


def test_each_service_account_has_its_role(on_eks: list[Manifest]) -> None:
    name = "eks.amazonaws.com/role-arn"
    roles = {m["metadata"]["name"]: m["metadata"]["annotations"][name] for m in of_kind(on_eks, "ServiceAccount")}
    arn = "arn:aws:iam::123456789012:role/pymager"
    assert roles == {"pictures": arn, "pictures-init": f"{arn}-init"}


def test_the_role_has_the_least_policies_and_no_more() -> None:
    policy, _ = policies()
    least = [found for found in _documents((DOCS / "reference" / "backends.md").read_text()) if "Statement" in found]
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
    for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", PAGE):
        heads = re.findall(r"^#+ (.*)", (DOCS / "how-to" / (target or "kubernetes.md")).read_text(), re.MULTILINE)
        anchors = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
        assert not anchor or anchor in anchors, f"{target}#{anchor}"
