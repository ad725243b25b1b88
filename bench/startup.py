"""P10: from exec to the first meeting, seven times with an empty data folder."""

from __future__ import annotations

import asyncio

from bench.report import Report
from bench.server import running
from bench.synthetic import SyntheticClient, connections

RUNS = 7
MEETING_WITHIN_S = 30.0


async def run() -> Report:
    report = Report("startup", conditions={"runs": RUNS, "data folder": "empty", "cache": "warm"})
    ready, joined, meeting = [], [], []
    for _ in range(RUNS):
        async with running() as server, connections() as http:
            first, second = (
                SyntheticClient(http, server.websocket_url, domain=server.domain, room="first")
                for _ in range(2)
            )
            async with asyncio.timeout(MEETING_WITHIN_S):
                await first.join()
                await second.join()
                await asyncio.gather(first.until_accepted(), second.until_accepted())
            ready.append(server.ready_s)
            joined.append(first.at.present - server.executed_at)
            meeting.append(max(first.at.accepted, second.at.accepted) - server.executed_at)
            await first.close()
            await second.close()
    report.add_samples("exec -> ready line", ready, "s", tail=False)
    report.add_samples("exec -> first join complete", joined, "s", "<= 3, <= 1.5", tail=False)
    report.add_samples("exec -> two sessions accepted", meeting, "s", tail=False)
    report.notes.append(
        "the data folder is empty, so the certificate is made each time; the files of the program"
        " are in the page cache"
    )
    return report
