"""The policies on the page about Kubernetes allow what MinIO and DynamoDB are asked, and no more."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pymager.errors import ConfigurationError, Unavailable
from pymager.library import deployment
from pymager.ports import PurgeOrder
from pymager.testing.backends import MemoryBlobs, MemoryMetadata
from pymager.testing.metadata_originals import an_original
from pymager_dynamodb import DynamoMetadata
from pymager_s3 import S3Blobs
from tests.backends.dynamodb_tables import Between, between, by_way_of
from tests.backends.s3_buckets import session_of
from tests.chart.test_page import policies
from tests.servers import DynamoLocal, Minio


def _statements(policy: dict[str, Any], service: str, bucket: str = "") -> list[dict[str, Any]]:
    found = [one for one in policy["Statement"] if one["Action"][0].startswith(f"{service}:")]
    return [one | {"Resource": one["Resource"].replace("BUCKET", bucket)} for one in found]


def _actions(policy: dict[str, Any]) -> set[str]:
    (statement,) = _statements(policy, "dynamodb")
    return {action.removeprefix("dynamodb:") for action in statement["Action"]}


@pytest.fixture
async def middle(dynamodb: DynamoLocal) -> AsyncIterator[Between]:
    async with between(dynamodb) as middle:
        yield middle


async def test_the_role_of_the_job_makes_the_bucket_and_that_of_the_pods_does_not(
    minio: Minio, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = f"pymager-{secrets.token_hex(8)}"
    pods, job = [session_of(minio, _statements(policy, "s3", bucket=bucket)) for policy in policies()]
    for variable, value in pods.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match="AccessDenied"):
        await S3Blobs(minio.url(bucket)).prepare()
    for variable, value in job.items():
        monkeypatch.setenv(variable, value)
    assert len(await S3Blobs(minio.url(bucket)).prepare()) == 1
    assert await S3Blobs(minio.url(bucket)).prepare() == []
    async with S3Blobs(minio.url(bucket)) as store:
        assert len(await deployment.pair(store, MemoryMetadata("memory:"))) == 2
        with pytest.raises(Unavailable, match="AccessDenied"):
            await store.put("original/cat/1.jpg", b"cat", "image/jpeg")


async def test_the_roles_may_do_what_dynamodb_is_asked_and_no_more(dynamodb: DynamoLocal, middle: Between) -> None:
    of_pods, of_job = policies()
    url = by_way_of(dynamodb.table_url(f"pymager-{secrets.token_hex(8)}"), dynamodb, middle.port)
    await DynamoMetadata(url).prepare()
    blobs = MemoryBlobs("memory:")
    await blobs.put("original/cat/1.jpg", b"cat", "image/jpeg")
    async with DynamoMetadata(url) as store:
        with pytest.raises(ConfigurationError, match="--adopt"):
            await deployment.pair(blobs, store)
        await deployment.pair(blobs, store, adopt=True)
    assert set(middle.seen) == _actions(of_job)
    middle.seen.clear()
    async with DynamoMetadata(url) as store:
        await _use(store)
    seen = set(middle.seen)
    seen.remove("TransactWriteItems")  # allowed by PutItem and UpdateItem, which its items are
    assert seen | {"PutItem", "UpdateItem"} == _actions(of_pods)


async def _use(store: DynamoMetadata) -> None:
    """Each method of the port."""
    original, other = an_original(), an_original()
    await store.add(original)
    await store.replace(other)
    assert (await store.get("cat")).revision == other.revision
    assert len((await store.list_page(None, 10)).items) == 1
    await store.fence("dog", other.revision)
    now = datetime.now(UTC).replace(microsecond=0)
    await store.remove("cat", purge=PurgeOrder(now, now))
    [purge] = await store.due_purges(now, 10)
    assert [purge] == list((await store.list_purges(None, 10)).items)
    assert (await store.count_purges()).pending == 1
    assert await store.update_purge(purge, replace(purge, attempts=1))
    await store.finish_purge(purge)
    await store.release(await store.renew(await store.acquire("picture")))
    await store.acquire("left behind")
    await store.set_property("color", "red", await store.get_property("color"))
    await store.ping()
    await store.tidy(0)
