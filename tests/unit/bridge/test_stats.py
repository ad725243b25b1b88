"""What a bridge publishes of itself."""

from dataclasses import dataclass

from tests.unit.bridge.recorder import Recorder

from tertulia.bridge.stats import Identity, Statistics, element
from tertulia.bridge.videobridge import Videobridge


@dataclass
class Counters:
    packets_received: int = 0
    bytes_received: int = 0
    packets_sent: int = 0
    bytes_sent: int = 0


def test_rates_are_over_the_time_between_two_looks() -> None:
    bridge = Videobridge(Recorder(), server_id="br1", public_netloc="x")
    statistics = Statistics(Identity("br1", "1.0", "eu", "http://127.0.0.1:1"))
    first = Counters()
    statistics.collect(bridge, first, [], now=0.0, is_shutting_down=False)

    later = Counters(packets_received=500, bytes_received=625_000)
    values = statistics.collect(bridge, later, [], now=5.0, is_shutting_down=True)

    assert values["bit_rate_download"] == "1000"  # kbit/s
    assert values["packet_rate_download"] == "100"
    assert values["shutting_down"] == "true"
    assert (values["relay_id"], values["region"]) == ("br1", "eu")
    assert values["channel_url"] == "http://127.0.0.1:1"


def test_the_presence_holds_one_stat_each() -> None:
    assert str(element({"a": "1"})) == (
        "<stats xmlns='http://jitsi.org/protocol/colibri'><stat name='a' value='1'/></stats>"
    )
