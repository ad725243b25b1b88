"""When a bridge calls itself healthy, degraded or down, and how its load is measured."""

from tertulia.bridge.health import HealthMonitor
from tertulia.bridge.load import LoadLimits, LoadMeter
from tertulia.monitoring import Health, Status


def judged(monitor: HealthMonitor, now: float, **facts: float | str) -> Health:
    values = {"not_seated": "", "stress": 0.1, "short_of": ""} | facts
    return monitor.judge(
        now,
        not_seated=str(values["not_seated"]),
        stress=float(values["stress"]),
        short_of=str(values["short_of"]),
    )


def test_an_engine_that_answers_is_healthy() -> None:
    monitor = HealthMonitor()
    monitor.probed(7, 0.0)
    monitor.seen(8, 5.0)

    assert judged(monitor, 5.0) == Health(Status.HEALTHY)


def test_an_engine_that_does_not_wake_is_down_until_it_does() -> None:
    monitor = HealthMonitor()
    monitor.probed(7, 0.0)
    monitor.seen(7, 5.0)
    health = judged(monitor, 5.0)
    assert (health.status, health.reason) == (
        Status.DOWN,
        "the packet engine has not answered for 5 s",
    )
    assert health.http_status == 500

    monitor.probed(7, 5.0)
    monitor.seen(9, 6.0)
    assert judged(monitor, 6.0).status is Status.HEALTHY


def test_a_socket_that_cannot_be_reached_is_down() -> None:
    monitor = HealthMonitor()
    monitor.probed(7, 0.0, "Network is unreachable")

    assert judged(monitor, 1.0).reasons == (
        "the media socket cannot be reached: Network is unreachable",
    )


def test_without_a_server_it_is_degraded_because_conferences_go_on() -> None:
    health = judged(HealthMonitor(), 0.0, not_seated="connection refused")

    assert (health.status, health.http_status) == (Status.DEGRADED, 200)
    assert health.reason == "not in the brewery: connection refused"


def test_late_timers_and_stress_are_told_once_each() -> None:
    monitor = HealthMonitor()
    monitor.lagged(0.1)
    monitor.lagged(2.0)

    assert len(judged(monitor, 0.0, stress=1.5).reasons) == 2
    assert judged(monitor, 1.0).status is Status.HEALTHY


def test_who_is_short_of_memory_says_so() -> None:
    health = judged(HealthMonitor(), 0.0, short_of="memory: 100 of 100 MiB")

    assert health.status is Status.DEGRADED
    assert health.reason == "takes nobody more, short of memory: 100 of 100 MiB"


def test_stopping_is_service_unavailable() -> None:
    assert Health(Status.HEALTHY, is_stopping=True).http_status == 503


def test_the_busiest_thread_or_the_packets_are_the_stress() -> None:
    process_s = 0.0
    meter = LoadMeter(LoadLimits(busy_thread=0.5, packets_per_s=1000), lambda: process_s)
    meter.look(engine_us=0, packets=0, now=0.0)

    process_s = 0.75  # of which the engine took 0.25
    load = meter.look(engine_us=250_000, packets=100, now=1.0)
    assert (load.engine, load.mind, load.packets_per_s) == (0.25, 0.5, 100.0)
    assert load.stress == 1.0

    assert meter.look(engine_us=250_000, packets=2100, now=2.0).stress == 2.0
    assert meter.look(engine_us=250_000, packets=2100, now=2.0).stress == 2.0  # no time passed
