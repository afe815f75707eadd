"""The circuit breaker."""

from pymager.library.circuit import Circuit


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(clock: _Clock) -> Circuit:
    circuit = Circuit(clock)
    outcomes = []
    for _ in range(5):
        assert circuit.admits()
        outcomes.append(circuit.failed())
    assert outcomes == [False] * 4 + [True]
    return circuit


def test_only_failures_in_a_row_open_it() -> None:
    circuit = Circuit(_Clock())
    for _ in range(20):
        for _ in range(4):
            assert circuit.admits()
            circuit.failed()
        circuit.succeeded()
    assert not circuit.is_open
    assert circuit.admits()


def test_after_a_pause_one_request_is_let_through_and_its_success_closes_it() -> None:
    clock = _Clock()
    circuit = opened(clock)
    assert (circuit.is_open, circuit.admits()) == (True, False)
    clock.now = 0.99
    assert not circuit.admits()
    clock.now = 1.0
    assert [circuit.admits() for _ in range(3)] == [True, False, False]
    assert circuit.succeeded()
    assert not circuit.is_open
    assert [circuit.admits() for _ in range(3)] == [True] * 3
    assert not circuit.succeeded()


def test_each_failed_probe_doubles_the_pause_up_to_thirty_seconds() -> None:
    clock = _Clock()
    circuit = opened(clock)
    pauses = []
    for _ in range(7):
        since = clock.now
        while not circuit.admits():
            clock.now += 0.5
        pauses.append(clock.now - since)
        assert not circuit.failed()
    assert pauses == [1, 2, 4, 8, 16, 30, 30]


def test_a_canceled_probe_is_followed_by_another() -> None:
    clock = _Clock()
    circuit = opened(clock)
    clock.now = 1.0
    assert circuit.admits()
    circuit.canceled()
    assert circuit.admits()


def test_requests_that_began_before_it_opened_neither_open_it_again_nor_take_the_place_of_the_probe() -> None:
    clock = _Clock()
    circuit = opened(clock)
    assert not circuit.failed()
    assert circuit.is_open
    assert not circuit.admits()
