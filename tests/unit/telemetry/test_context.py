"""Waits that end when the client of the request disconnects."""

import asyncio

import pytest

from pymager.telemetry.context import CURRENT, RequestContext, cancelable


@pytest.fixture
def context() -> RequestContext:
    return RequestContext("id", "client", 0.0)


async def waiting(context: RequestContext, passed: list[str]) -> None:
    CURRENT.set(context)
    with cancelable():
        passed.append("inside")
        await asyncio.Event().wait()


async def test_a_wait_is_canceled_when_the_client_disconnects(context: RequestContext) -> None:
    passed: list[str] = []
    task = asyncio.create_task(waiting(context, passed))
    while not passed:
        await asyncio.sleep(0)
    context.disconnected()
    await asyncio.wait([task])
    assert task.cancelled()
    assert context.waiting is None


async def test_a_client_that_has_left_does_not_begin_to_wait(context: RequestContext) -> None:
    passed: list[str] = []
    context.disconnected()
    task = asyncio.create_task(waiting(context, passed))
    await asyncio.wait([task])
    assert task.cancelled()
    assert passed == []


async def test_a_request_that_does_not_wait_continues_without_its_client(context: RequestContext) -> None:
    CURRENT.set(context)
    with cancelable():
        await asyncio.sleep(0)
    context.disconnected()
    await asyncio.sleep(0)


async def test_outside_of_requests_nothing_is_canceled() -> None:
    with cancelable():
        await asyncio.sleep(0)
