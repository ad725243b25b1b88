"""Courses over time as SVG: panels above one another, one row per system, with the turns marked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from bench.plot import round_step

_WIDTH, _PANEL, _GAP = 720, 150, 46
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 16, 64, 40
# Told apart without colour by their dashes; readable on white and on dark pages.
_STYLES = (("#2563eb", ""), ("#d97706", "7 4"), ("#059669", "2 4"), ("#9333ea", "10 3 2 3"))
_PAGE = (
    "<style>text{fill:#374151}.axis{stroke:#d1d5db}.limit{stroke:#dc2626}"
    "@media(prefers-color-scheme:dark){text{fill:#d1d5db}.axis{stroke:#4b5563}}</style>"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One course: seconds and values; it holds each value until the next."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Panel:
    """Several courses on one scale.

    limit: what the network allows, drawn behind them.
    """

    title: str
    lines: Sequence[Line]
    limit: Sequence[tuple[float, float]] = ()
    most: float | None = None  # of the scale; None: as much as there is


def courses(title: str, panels: Sequence[Panel], seconds: float) -> str:
    """Panels under one another over the same time."""
    names = list(dict.fromkeys(line.name for panel in panels for line in panel.lines))
    height = _TOP + len(panels) * (_PANEL + _GAP) - _GAP + _BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
        f' role="img" aria-label="{escape(title)}" font-family="sans-serif" font-size="12">',
        _PAGE,
        f'<text x="16" y="22" font-size="15">{escape(title)}</text>',
    ]
    for index, name in enumerate(names):
        left = 16 + 230 * index
        parts.append(f'<path d="M{left} 40h26" {_stroke(index)}/>')
        parts.append(f'<text x="{left + 32}" y="44">{escape(name)}</text>')
    for row, panel in enumerate(panels):
        parts += _panel(panel, _TOP + row * (_PANEL + _GAP), names, seconds)
    middle = _LEFT + (_WIDTH - _LEFT - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{height - 6}" text-anchor="middle">seconds</text>')
    parts.append("</svg>\n")
    return "\n".join(parts)


def _panel(panel: Panel, top: float, names: Sequence[str], seconds: float) -> list[str]:
    values = [value for line in panel.lines for _, value in line.points]
    values += [value for _, value in panel.limit]
    step = round_step((panel.most or max(values, default=1.0) or 1.0) / 4)
    limit = panel.most or step * math.ceil(max(values) / step)
    width, bottom = _WIDTH - _LEFT - _RIGHT, top + _PANEL

    def place(point: tuple[float, float]) -> tuple[float, float]:
        at = _LEFT + width * min(point[0], seconds) / seconds
        return round(at, 1), round(bottom - _PANEL * min(point[1], limit) / limit, 1)

    parts = [f'<text x="{_LEFT}" y="{top - 6}">{escape(panel.title)}</text>']
    for count in range(math.floor(limit / step) + 1):
        _, y = place((0, count * step))
        parts.append(f'<line class="axis" x1="{_LEFT}" y1="{y}" x2="{_LEFT + width}" y2="{y}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{count * step:g}</text>')
    for at in range(0, int(seconds) + 1, 10):
        x, _ = place((at, 0))
        parts.append(f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{at}</text>')
    if panel.limit:
        steps = _steps([place(point) for point in panel.limit], _LEFT + width)
        parts.append(
            f'<polyline class="limit" fill="none" stroke-width="1.5" stroke-dasharray="3 3"'
            f' points="{steps}"/>'
        )
    for line in panel.lines:
        steps = _steps([place(point) for point in line.points], None)
        parts.append(f'<polyline fill="none" {_stroke(names.index(line.name))} points="{steps}"/>')
    return parts


def _steps(points: Sequence[tuple[float, float]], until: float | None) -> str:
    """A line that keeps each value until the next one."""
    found: list[tuple[float, float]] = []
    for x, y in points:
        if found:
            found.append((x, found[-1][1]))
        found.append((x, y))
    if found and until is not None:
        found.append((until, found[-1][1]))
    return " ".join(f"{x},{y}" for x, y in found)


def _stroke(index: int) -> str:
    colour, dashes = _STYLES[index % len(_STYLES)]
    return f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"'
