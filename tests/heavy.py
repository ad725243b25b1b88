"""What is too long for every run: `make faults` runs it, everything else passes it over."""

from __future__ import annotations

import os

import pytest

ALL = os.environ.get("FAULTS") == "all"

heavy = pytest.mark.skipif(not ALL, reason="long or heavy: make faults")
