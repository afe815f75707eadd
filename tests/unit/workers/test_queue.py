"""The order in which waiting jobs get a worker."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymager.errors import Overloaded
from pymager.workers.cpu_watch import Overrun
from pymager.workers.queue import FairQueue, JobKind, Lane, lane_of

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

    async def join(self, name: str, kind: JobKind, client: str = "", seconds: float = 0.0) -> None:
        self.tasks[name] = asyncio.create_task(self._wait(name, kind, client, seconds))
        await asyncio.sleep(0)

    async def _wait(self, name: str, kind: JobKind, client: str, seconds: float) -> None:
        thing = await self.queue.take(kind, client, seconds)
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
    assert queue._retry_after(Lane.CHEAP) == 1
    held = await queue.take(RENDER)
    tasks = [asyncio.create_task(queue.take(RENDER)) for _ in range(1_000)]
    await asyncio.sleep(0)
    assert queue._retry_after(Lane.CHEAP) == 30
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


async def test_a_job_costs_as_many_turns_of_its_kind_as_it_has_tenths_of_a_second() -> None:
    line = Line(queue_of("a"))
    held = await line.queue.take(RENDER)
    for number in range(2):
        await line.join(f"animation {number}", ANIMATION, "greedy", seconds=0.2)
    for number in range(4):
        await line.join(f"render {number}", RENDER, "modest")
    line.queue.give_back(held)
    await asyncio.gather(*line.tasks.values())
    assert line.served == ["animation 0", "render 0", "render 1", "animation 1", "render 2", "render 3"]


async def test_clients_take_turns_by_the_cost_of_their_jobs() -> None:
    line = Line(queue_of("a"))
    held = await line.queue.take(ANIMATION)
    for number in range(2):
        await line.join(f"long {number}", ANIMATION, "long", seconds=1.2)
    for number in range(8):
        await line.join(f"short {number}", ANIMATION, "short", seconds=0.3)
    line.queue.give_back(held)
    await asyncio.gather(*line.tasks.values(), return_exceptions=True)
    between = line.served.index("long 1") - line.served.index("long 0") - 1
    assert between == 4, line.served


async def test_renders_are_served_while_animations_hold_what_they_may(bound: int = 4) -> None:
    line = Line(queue_of("a", "b", bound=bound))
    animation = await line.queue.take(ANIMATION, "greedy", 1.0)
    for number in range(bound):
        await line.join(f"animation {number}", ANIMATION, "greedy", seconds=1.0)
    with pytest.raises(Overloaded):
        await line.queue.take(ANIMATION, "greedy", 1.0)
    for number in range(10):
        await line.join(f"render {number}", RENDER, "modest")
    await asyncio.gather(*(task for name, task in line.tasks.items() if name.startswith("render")))
    assert line.served == [f"render {number}" for number in range(10)]
    line.queue.give_back(animation)
    await asyncio.gather(*line.tasks.values())
    assert line.served[10:] == [f"animation {number}" for number in range(bound)]


async def test_retry_after_is_what_the_waiting_jobs_of_the_lane_cost() -> None:
    queue = queue_of("a", bound=1_000)
    held = await queue.take(RENDER)
    tasks = [asyncio.create_task(queue.take(ANIMATION, seconds=2.5)) for _ in range(2)]
    await asyncio.sleep(0)
    assert (queue._retry_after(Lane.EXPENSIVE), queue._retry_after(Lane.CHEAP)) == (5, 1)
    queue.give_back(held)
    queue.refuse_all("enough", retry_after=1)
    await asyncio.gather(*tasks, return_exceptions=True)


EXPENSIVE_SECONDS = 1.0


async def test_cheap_jobs_do_not_wait_for_expensive_ones() -> None:
    line = Line(queue_of("a", "b"))
    bombs = [await line.queue.take(INSPECTION, "hostile", EXPENSIVE_SECONDS)]
    for number in range(5):
        await line.join(f"bomb {number}", INSPECTION, "hostile", EXPENSIVE_SECONDS)
    assert (line.queue.free, line.queue.waiting_in(Lane.EXPENSIVE)) == (1, 5), "one is free, and kept for cheap jobs"
    for kind in (INSPECTION, RENDER, ANIMATION):
        line.queue.give_back(await asyncio.wait_for(line.queue.take(kind), 1))
    assert line.served == []
    line.queue.give_back(bombs.pop())
    await asyncio.gather(*line.tasks.values())
    assert line.served == [f"bomb {number}" for number in range(5)]


async def test_of_several_resources_the_next_is_for_a_expensive_job_if_none_runs() -> None:
    line = Line(queue_of("a", "b"))
    held = [await line.queue.take(RENDER), await line.queue.take(RENDER)]
    for number in range(3):
        await line.join(f"cheap {number}", RENDER)
    await line.join("expensive", RENDER, "", EXPENSIVE_SECONDS)
    line.queue.give_back(held.pop())
    await asyncio.gather(*line.tasks.values())
    assert line.served == ["expensive", "cheap 0", "cheap 1", "cheap 2"]


async def test_a_single_resource_is_for_cheap_jobs_first_and_for_a_expensive_one_after_fifty_turns() -> None:
    line = Line(queue_of("a", bound=100))
    held = await line.queue.take(RENDER)
    for number in range(2):
        await line.join(f"expensive {number}", RENDER, "", EXPENSIVE_SECONDS)
    for number in range(60):
        await line.join(f"cheap {number}", RENDER)
    line.queue.give_back(held)
    await asyncio.gather(*line.tasks.values())
    assert [line.served.index(f"expensive {number}") for number in range(2)] == [50, 61]


async def test_expensive_jobs_of_a_client_wait_no_longer_than_five_seconds_and_give_way_to_another_client() -> None:
    line = Line(queue_of("a", bound=64))
    held = await line.queue.take(RENDER, "", EXPENSIVE_SECONDS)
    for number in range(4):
        await line.join(f"greedy {number}", RENDER, "greedy", 1.2)
    with pytest.raises(Overloaded) as refusal:
        await line.queue.take(RENDER, "greedy", 1.2)
    assert refusal.value.retry_after == 6
    await line.join("modest", RENDER, "modest", 1.2)
    await line.join("other", RENDER, "other", 1.2)
    await line.join("upload", INSPECTION, "greedy", 1.2)
    line.queue.give_back(held)
    outcomes = dict(zip(line.tasks, await asyncio.gather(*line.tasks.values(), return_exceptions=True), strict=True))
    assert [name for name, outcome in outcomes.items() if isinstance(outcome, Overloaded)] == ["greedy 3"]
    assert Counter(line.served) == Counter(outcomes.keys() - {"greedy 3"})


async def test_a_job_alone_waits_however_expensive_it_is() -> None:
    line = Line(queue_of("a"))
    held = await line.queue.take(RENDER, "", EXPENSIVE_SECONDS)
    await line.join("most expensive", RENDER, "", 1_000.0)
    line.queue.give_back(held)
    await asyncio.gather(*line.tasks.values())
    assert line.served == ["most expensive"]


async def test_a_job_that_is_more_expensive_than_it_seemed_goes_on_only_if_no_other_expensive_job_runs() -> None:
    queue = queue_of("a", "b")
    first, second = await queue.take(RENDER), await queue.take(RENDER)
    assert (queue.on_overrun(first), queue.on_overrun(second)) == (Overrun.GO_ON, Overrun.ASK_AGAIN)
    assert (queue.is_expensive(first), queue.is_expensive(second)) == (True, False)
    assert (queue.running_in(Lane.EXPENSIVE), queue.running_in(Lane.CHEAP)) == (1, 1)
    waiting = asyncio.create_task(queue.take(RENDER))
    await asyncio.sleep(0)
    assert queue.on_overrun(second) is Overrun.LEAVE, "a cheap job waits"
    queue.give_back(first)
    queue.give_back(await waiting)
    assert queue.on_overrun(second) is Overrun.GO_ON


async def test_a_job_that_has_become_expensive_makes_way_for_a_cheap_one_of_its_kind() -> None:
    line = Line(queue_of("a", "b"))
    sly = await line.queue.take(INSPECTION)
    await line.join("upload", INSPECTION)
    assert not line.tasks["upload"].done(), "inspections never hold all resources"
    assert line.queue.on_overrun(sly) is Overrun.GO_ON
    await asyncio.gather(*line.tasks.values())
    assert line.served == ["upload"]


async def test_what_a_job_took_more_than_expected_is_charged_to_its_client() -> None:
    line = Line(queue_of("a"))
    held = await line.queue.take(RENDER, "sly")
    for number in range(2):
        await line.join(f"sly {number}", RENDER, "sly")
    for number in range(5):
        await line.join(f"modest {number}", RENDER, "modest")
    line.queue.give_back(held, taken_seconds=0.4)
    await asyncio.gather(*line.tasks.values())
    assert line.served == [f"modest {number}" for number in range(3)] + ["sly 0", "modest 3", "sly 1", "modest 4"]


JOBS = st.lists(
    st.tuples(st.sampled_from(JobKind), st.sampled_from("abc"), st.sampled_from([0.0, 0.1, 0.2, 0.3, 1.0, 20.0])),
    max_size=40,
)


@given(JOBS, st.integers(1, 4), st.data())
def test_every_job_is_served_and_cheap_jobs_wait_for_cheap_ones_only(
    jobs: list[tuple[JobKind, str, float]], size: int, data: st.DataObject
) -> None:
    async def play() -> None:
        queue = queue_of(*(str(number) for number in range(size)), bound=1_000)
        running: dict[str, int] = {}
        refused: set[int] = set()

        async def take(number: int) -> None:
            try:
                running[await queue.take(*jobs[number])] = number
            except Overloaded:
                refused.add(number)

        tasks = [asyncio.create_task(take(number)) for number in range(len(jobs))]
        served: set[int] = set()
        while not all(task.done() for task in tasks) or running:
            for _ in range(4):
                await asyncio.sleep(0)
            expensive = sum(lane_of(jobs[number][2]) is Lane.EXPENSIVE for number in running.values())
            assert expensive == queue.running_in(Lane.EXPENSIVE) <= max(1, size - 1)
            if queue.free:
                assert not queue.waiting(RENDER) or not queue.waiting_in(Lane.CHEAP)
                assert not queue.waiting_in(Lane.EXPENSIVE) or expensive == max(1, size - 1)
            resource = data.draw(st.sampled_from(sorted(running)))
            served.add(running.pop(resource))
            queue.give_back(resource)
        assert served | refused == set(range(len(jobs)))
        assert all(lane_of(jobs[number][2]) is Lane.EXPENSIVE for number in refused)

    asyncio.run(play())
