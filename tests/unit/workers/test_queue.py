"""The order in which waiting jobs get a worker."""

import asyncio

import pytest

from pymager.errors import Overloaded
from pymager.workers.queue import FairQueue, JobKind

RENDER, INSPECTION, ANIMATION = JobKind.RENDER, JobKind.INSPECTION, JobKind.ANIMATION


def queue_of(*things: str, bound: int = 16) -> FairQueue[str]:
    queue: FairQueue[str] = FairQueue(len(things), bound)
    for thing in things:
        queue.put(thing)
    return queue


class Line:
    """Waiting jobs, each with a name; `served` is the order in which they got a resource."""

    def __init__(self, queue: FairQueue[str]) -> None:
        self.queue = queue
        self.served: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def join(self, name: str, kind: JobKind, client: str = "", weight: int = 1) -> None:
        self.tasks[name] = asyncio.create_task(self._wait(name, kind, client, weight))
        await asyncio.sleep(0)

    async def _wait(self, name: str, kind: JobKind, client: str, weight: int) -> None:
        thing = await self.queue.take(kind, client, weight)
        self.served.append(name)
        self.queue.give_back(thing)


async def test_each_kind_is_served_in_order_and_the_kinds_take_turns() -> None:
    line = Line(queue_of("a"))
    held = await line.queue.take(RENDER)
    for number in range(3):
        await line.join(f"render {number}", RENDER)
        await line.join(f"upload {number}", INSPECTION)
    line.queue.give_back(held)
    await asyncio.gather(*line.tasks.values())
    assert line.served == ["upload 0", "render 0", "upload 1", "render 1", "upload 2", "render 2"]


@pytest.mark.parametrize("kind", [INSPECTION, ANIMATION])
@pytest.mark.parametrize(("size", "most"), [(1, 1), (2, 1), (4, 3)])
async def test_inspections_and_animations_never_hold_all_of_several_resources(
    size: int, most: int, kind: JobKind
) -> None:
    queue = queue_of(*(str(number) for number in range(size)))
    tasks = [asyncio.create_task(queue.take(kind)) for _ in range(size + 2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert sum(task.done() for task in tasks) == most
    assert queue.waiting(kind) == size + 2 - most
    if size > 1:
        await queue.take(RENDER)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_canceled_wait_frees_its_place() -> None:
    line = Line(queue_of("a", bound=2))
    held = await line.queue.take(RENDER)
    await line.join("first", RENDER)
    await line.join("second", RENDER)
    with pytest.raises(Overloaded):
        await line.queue.take(RENDER)
    line.tasks["first"].cancel()
    await asyncio.sleep(0)
    await line.join("third", RENDER)
    line.queue.give_back(held)
    await asyncio.gather(*line.tasks.values(), return_exceptions=True)
    assert line.served == ["second", "third"]


async def test_a_wait_canceled_while_being_served_passes_the_resource_on() -> None:
    line = Line(queue_of("a"))
    held = await line.queue.take(RENDER)
    await line.join("first", RENDER)
    await line.join("second", RENDER)
    line.queue.give_back(held)
    line.tasks["first"].cancel()
    await asyncio.gather(*line.tasks.values(), return_exceptions=True)
    assert line.served == ["second"]
    assert (line.queue.free, line.queue.held) == (1, 0)


async def test_a_wait_that_was_just_canceled_is_skipped() -> None:
    line = Line(queue_of("a"))
    held = await line.queue.take(RENDER)
    await line.join("first", RENDER)
    await line.join("second", RENDER)
    line.tasks["first"].cancel()
    line.queue.give_back(held)
    await asyncio.gather(*line.tasks.values(), return_exceptions=True)
    assert line.served == ["second"]
    assert (line.queue.free, line.queue.held) == (1, 0)


async def test_an_unusable_resource_returns_when_it_is_put() -> None:
    queue = queue_of("a", "b")
    queue.withdraw("a")
    assert await queue.take(RENDER) == "b"
    queue.give_back("b", usable=False)
    waiting = asyncio.create_task(queue.take(RENDER))
    await asyncio.sleep(0)
    queue.put("b")
    queue.put("b")
    assert await waiting == "b"
    assert (queue.free, queue.held) == (0, 1)


async def test_all_waits_can_be_refused() -> None:
    line = Line(queue_of("a"))
    await line.queue.take(RENDER)
    await line.join("render", RENDER)
    await line.join("upload", INSPECTION)
    line.queue.refuse_all("closed", retry_after=7)
    outcomes = await asyncio.gather(*line.tasks.values(), return_exceptions=True)
    assert [(str(outcome), outcome.retry_after) for outcome in outcomes] == [("closed", 7)] * 2


async def test_retry_after_grows_with_the_queue_up_to_half_a_minute() -> None:
    queue = queue_of("a", bound=1_000)
    assert queue._retry_after() == 1
    held = await queue.take(RENDER)
    tasks = [asyncio.create_task(queue.take(RENDER)) for _ in range(1_000)]
    await asyncio.sleep(0)
    assert queue._retry_after() == 30
    queue.give_back(held)
    queue.refuse_all("enough", retry_after=1)
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_clients_take_turns_however_many_jobs_one_has() -> None:
    line = Line(queue_of("a"))
    held = await line.queue.take(RENDER)
    for number in range(4):
        await line.join(f"greedy {number}", RENDER, "greedy")
    await line.join("modest 0", RENDER, "modest")
    await line.join("other 0", RENDER, "other")
    line.queue.give_back(held)
    await asyncio.gather(*line.tasks.values())
    assert line.served == ["greedy 0", "modest 0", "other 0", "greedy 1", "greedy 2", "greedy 3"]


async def test_in_a_full_queue_the_client_with_most_jobs_loses_one_to_a_client_without() -> None:
    line = Line(queue_of("a", bound=3))
    held = await line.queue.take(RENDER)
    for number in range(3):
        await line.join(f"greedy {number}", RENDER, "greedy")
    with pytest.raises(Overloaded) as refusal:
        await line.queue.take(RENDER, "greedy")
    assert refusal.value.retry_after >= 1
    await line.join("modest 0", RENDER, "modest")
    await line.join("other 0", RENDER, "other")
    assert line.queue.waiting(RENDER) == 3
    with pytest.raises(Overloaded):
        await line.queue.take(RENDER, "modest")
    line.queue.give_back(held)
    outcomes = dict(zip(line.tasks, await asyncio.gather(*line.tasks.values(), return_exceptions=True), strict=True))
    assert [name for name, outcome in outcomes.items() if isinstance(outcome, Overloaded)] == ["greedy 1", "greedy 2"]
    assert line.served == ["greedy 0", "modest 0", "other 0"]
    assert (line.queue.free, line.queue.held, line.queue.waiting(RENDER)) == (1, 0, 0)


async def test_a_freed_place_is_not_given_away_twice() -> None:
    line = Line(queue_of("a", bound=2))
    await line.queue.take(RENDER)
    for number in range(2):
        await line.join(f"greedy {number}", RENDER, "greedy")
    line.tasks["greedy 1"].cancel()
    await line.join("modest 0", RENDER, "modest")
    await asyncio.sleep(0)
    assert line.tasks["greedy 1"].cancelled()
    assert line.queue.waiting(RENDER) == 2
    line.queue.refuse_all("closed", retry_after=1)
    await asyncio.gather(*line.tasks.values(), return_exceptions=True)


async def test_an_extra_quarter_of_the_places_is_for_clients_without_a_job() -> None:
    line = Line(queue_of("a", bound=8))
    await line.queue.take(RENDER)
    for number in range(8):
        await line.join(f"greedy {number}", RENDER, "greedy")
    for name in ("modest", "other"):
        await line.join(name, RENDER, name)
    assert (line.queue.waiting(RENDER), any(task.done() for task in line.tasks.values())) == (10, False)
    await line.join("third", RENDER, "third")
    await asyncio.sleep(0)
    assert line.queue.waiting(RENDER) == 10
    assert [name for name, task in line.tasks.items() if task.done()] == ["greedy 7"]
    line.queue.refuse_all("closed", retry_after=1)
    await asyncio.gather(*line.tasks.values(), return_exceptions=True)


async def test_an_animation_costs_as_many_turns_as_its_weight() -> None:
    line = Line(queue_of("a"))
    held = await line.queue.take(RENDER)
    for number in range(2):
        await line.join(f"animation {number}", ANIMATION, "greedy", weight=4)
    for number in range(6):
        await line.join(f"render {number}", RENDER, "modest")
    line.queue.give_back(held)
    await asyncio.gather(*line.tasks.values())
    assert line.served == [
        "animation 0",
        *(f"render {number}" for number in range(4)),
        "animation 1",
        "render 4",
        "render 5",
    ]


async def test_clients_take_turns_by_the_weight_of_their_animations() -> None:
    line = Line(queue_of("a"))
    held = await line.queue.take(ANIMATION)
    for number in range(2):
        await line.join(f"long {number}", ANIMATION, "long", weight=30)
    for number in range(16):
        await line.join(f"short {number}", ANIMATION, "short", weight=2)
    line.queue.give_back(held)
    await asyncio.gather(*line.tasks.values(), return_exceptions=True)
    between = line.served.index("long 1") - line.served.index("long 0") - 1
    assert between == 14, line.served


async def test_renders_are_served_while_animations_hold_what_they_may(bound: int = 4) -> None:
    line = Line(queue_of("a", "b", bound=bound))
    animation = await line.queue.take(ANIMATION, "greedy", 100)
    for number in range(bound):
        await line.join(f"animation {number}", ANIMATION, "greedy", weight=100)
    with pytest.raises(Overloaded):
        await line.queue.take(ANIMATION, "greedy", 100)
    for number in range(10):
        await line.join(f"render {number}", RENDER, "modest")
    await asyncio.gather(*(task for name, task in line.tasks.items() if name.startswith("render")))
    assert line.served == [f"render {number}" for number in range(10)]
    line.queue.give_back(animation)
    await asyncio.gather(*line.tasks.values())
    assert line.served[10:] == [f"animation {number}" for number in range(bound)]


async def test_retry_after_counts_animations_by_their_weight() -> None:
    queue = queue_of("a", bound=1_000)
    held = await queue.take(RENDER)
    tasks = [asyncio.create_task(queue.take(ANIMATION, weight=50)) for _ in range(2)]
    await asyncio.sleep(0)
    assert queue._retry_after() == 11, "101 renders of 0.1 seconds"
    queue.give_back(held)
    queue.refuse_all("enough", retry_after=1)
    await asyncio.gather(*tasks, return_exceptions=True)
