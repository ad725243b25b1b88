"""One real server for all tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.conftest import RunningServer


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    running = await RunningServer.start(tmp_path_factory.mktemp("house"))
    try:
        yield running
    finally:
        await running.stop()
