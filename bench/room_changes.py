"""What a change costs the bridge's mind in a large room: `python -m bench.room_changes [PEOPLE]`.

The conference alone, without engine and sockets: everybody sends a voice and a simulcast camera,
watches 20 people at 180 lines and one on the stage. Processor time of this thread per change,
orders and messages included: the median and the worst of 20.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable

from tests.unit.bridge.stage import CAMERA_LAYERS, Stage

LAST_N = 20
ROUNDS = 20


class Sink:
    """A bridge channel that takes everything."""

    @property
    def waiting_bytes(self) -> int:
        return 0

    def send(self, text: str) -> None:
        pass

    def close(self, code: int, reason: str) -> None:
        pass


class Room:
    """A large room in which things happen."""

    def __init__(self, people: int) -> None:
        self.stage = Stage(*(f"p{n}" for n in range(people)))
        self.people = people
        self.turn = 0
        for endpoint in self.stage.conference.endpoints.values():
            endpoint.channel = Sink()
            self.watch(endpoint.id, 1)
            self.stage.sends(endpoint.id, CAMERA_LAYERS)
        self.stage.passes(1)

    def watch(self, who: str, on_stage: int) -> None:
        self.stage.says(
            who,
            "ReceiverVideoConstraints",
            lastN=LAST_N,
            onStageSources=[f"p{on_stage}-v0"],
            constraints={f"p{on_stage}-v0": {"maxHeight": 720}},
        )

    def join(self) -> None:
        self.turn += 1
        self.stage.joins(f"q{self.turn}", 1_000_000 + 100 * self.turn)

    def leave(self) -> None:
        self.stage.conference.remove_endpoint(f"q{self.turn}", self.stage.now)
        self.turn -= 1

    def constraints(self) -> None:
        self.turn += 1
        self.watch("p0", 1 + self.turn % (self.people - 1))

    def speaker(self) -> None:
        self.turn += 1
        order = self.stage.conference.speech.order
        order.insert(0, order.pop(self.people // 2 + self.turn % (self.people // 2)))
        self.stage.conference.forwarding.touch_everybody()
        self.stage.conference.settle(self.stage.now)

    def congest(self) -> None:
        for endpoint in self.stage.conference.endpoints.values():
            self.stage.is_congested(endpoint.id)
            endpoint.estimate_bps = 2_000_000


def measured(room: Room, change: Callable[[], None]) -> dict[str, float]:
    costs_ms = []
    for _ in range(ROUNDS):
        room.stage.now += 0.1
        began = time.thread_time()
        change()
        costs_ms.append((time.thread_time() - began) * 1000)
    return {
        "median_ms": round(statistics.median(costs_ms), 2),
        "worst_ms": round(max(costs_ms), 2),
    }


def main() -> None:
    room = Room(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
    changes = (room.join, room.leave, room.constraints, room.speaker)
    results = {change.__name__: measured(room, change) for change in changes}
    room.congest()
    results["speaker, all downlinks full"] = measured(room, room.speaker)
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
