"""Figures for operators in the text format of Prometheus (version 0.0.4).

A family is plain data that a service builds from its own counters when it is asked; there is no
registry, nothing is counted here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, str]
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


@dataclass(frozen=True, slots=True)
class Sample:
    """One line: `suffix` is "" or, for histograms, "_bucket", "_sum" or "_count"."""

    value: float
    labels: Labels
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with its samples. Counters are named `..._total`."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    samples: tuple[Sample, ...]

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no name of a metric")
        if (self.kind == "counter") != self.name.endswith("_total"):
            raise ValueError(f"{self.name}: counters, and only they, end in _total")


K = TypeVar("K", bound=tuple[str, ...])


def gauge(name: str, meaning: str, value: float) -> Family:
    return Family(name, "gauge", meaning, (Sample(value, {}),))


def counter(name: str, meaning: str, value: float) -> Family:
    return Family(name, "counter", meaning, (Sample(value, {}),))


def counters(name: str, meaning: str, values: Mapping[K, float], labels: Sequence[str]) -> Family:
    """One sample for each key of `values`, whose parts are the values of `labels`."""
    samples = tuple(
        Sample(value, dict(zip(labels, key, strict=True))) for key, value in sorted(values.items())
    )
    return Family(name, "counter", meaning, samples)


def gauges(name: str, meaning: str, values: Mapping[K, float], labels: Sequence[str]) -> Family:
    samples = tuple(
        Sample(value, dict(zip(labels, key, strict=True))) for key, value in sorted(values.items())
    )
    return Family(name, "gauge", meaning, samples)


def histogram(name: str, meaning: str, values: Iterable[float], bounds: Sequence[float]) -> Family:
    """How `values` are spread now: buckets of those at most each bound, their sum and number."""
    seen = list(values)
    samples = [
        Sample(sum(value <= bound for value in seen), {"le": _number(bound)}, "_bucket")
        for bound in (*bounds, math.inf)
    ]
    samples += [Sample(sum(seen), {}, "_sum"), Sample(len(seen), {}, "_count")]
    return Family(name, "histogram", meaning, tuple(samples))


def text(families: Iterable[Family]) -> str:
    """The page a scraper reads."""
    lines: list[str] = []
    for family in families:
        lines.append(f"# HELP {family.name} {_escaped(family.meaning, quotes=False)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        for sample in family.samples:
            labels = ",".join(f'{name}="{_escaped(v)}"' for name, v in sample.labels.items())
            where = f"{{{labels}}}" if labels else ""
            lines.append(f"{family.name}{sample.suffix}{where} {_number(sample.value)}")
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _escaped(value: str, *, quotes: bool = True) -> str:
    value = value.replace("\\", "\\\\").replace("\n", "\\n")
    return value.replace('"', '\\"') if quotes else value
