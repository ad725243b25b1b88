"""Pictures as SVG: shares of runs done by a time; systems side by side; figures over time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from bench.figures import shown

# Readable on white and on dark pages, and told apart without colour by their dashes.
_STYLES = (
    ("#2563eb", ""),
    ("#d97706", "7 4"),
    ("#059669", "2 4"),
    ("#9333ea", "10 3 2 3"),
)
# Bars: of one lightness each, so that they differ without colour on both kinds of page.
_SHADES = ("#64748b", "#b45309", "#f59e0b", "#2563eb", "#94a3b8")
_WIDTH, _HEIGHT = 720, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 20, 44, 48


def distribution(title: str, unit: str, series: Mapping[str, Sequence[float]]) -> str:
    """Cumulative distributions of several samples in one picture, from zero on."""
    most = max(max(samples) for samples in series.values())
    step = round_step(most / 6)
    limit = step * math.ceil(most / step)
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x(value: float) -> float:
        return round(_LEFT + width * value / limit, 1)

    def y(share: float) -> float:
        return round(_TOP + height * (1 - share), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        f' role="img" aria-label="{escape(title)}" font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="24" font-size="15" fill="#111827">{escape(title)}</text>',
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(_line(_LEFT, y(share), _LEFT + width, y(share)))
        parts.append(_text(_LEFT - 8, y(share) + 4, f"{share:.0%}", "end"))
    for count in range(round(limit / step) + 1):
        value = count * step
        parts.append(_line(x(value), _TOP, x(value), _TOP + height))
        parts.append(_text(x(value), _TOP + height + 18, f"{value:g}", "middle"))
    parts.append(_text(_LEFT + width / 2, _HEIGHT - 8, unit, "middle"))
    for index, (name, samples) in enumerate(series.items()):
        colour, dashes = _STYLES[index % len(_STYLES)]
        points = [f"{x(min(samples))},{y(0)}"]
        for rank, value in enumerate(sorted(samples)):
            points.append(f"{x(value)},{y(rank / len(samples))}")
            points.append(f"{x(value)},{y((rank + 1) / len(samples))}")
        stroke = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"'
        parts.append(f'<polyline fill="none" {stroke} points="{" ".join(points)}"/>')
        row = _TOP + height - 14 - 20 * (len(series) - 1 - index)
        right = _LEFT + width - 12
        parts.append(f'<path d="M{right - 34} {row - 4}H{right}" {stroke}/>')
        parts.append(_text(right - 42, row, name, "end"))
    parts.append("</svg>\n")
    return "\n".join(parts)


def lines(
    title: str,
    unit: str,
    height_unit: str,
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
) -> str:
    """Courses of one quantity, from zero on; each series is (where, how much)."""
    most_x = max(max(xs) for xs, _ in series.values()) or 1.0
    most_y = max(max(ys) for _, ys in series.values()) or 1.0
    step_x, step_y = round_step(most_x / 6), round_step(most_y / 4)
    limit_x = step_x * math.ceil(most_x / step_x)
    limit_y = step_y * math.ceil(most_y / step_y)
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x(value: float) -> float:
        return round(_LEFT + width * value / limit_x, 1)

    def y(value: float) -> float:
        return round(_TOP + height * (1 - value / limit_y), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        f' role="img" aria-label="{escape(title)}" font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="24" font-size="15" fill="#111827">'
        f"{escape(title)}, {escape(height_unit)}</text>",
    ]
    for count in range(round(limit_y / step_y) + 1):
        value = count * step_y
        parts.append(_line(_LEFT, y(value), _LEFT + width, y(value)))
        parts.append(_text(_LEFT - 8, y(value) + 4, f"{value:g}", "end"))
    for count in range(round(limit_x / step_x) + 1):
        value = count * step_x
        parts.append(_line(x(value), _TOP, x(value), _TOP + height))
        parts.append(_text(x(value), _TOP + height + 18, f"{value:g}", "middle"))
    parts.append(_text(_LEFT + width / 2, _HEIGHT - 8, unit, "middle"))
    for index, (name, (xs, ys)) in enumerate(series.items()):
        colour, dashes = _STYLES[index % len(_STYLES)]
        points = " ".join(f"{x(at)},{y(value)}" for at, value in zip(xs, ys, strict=True))
        stroke = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"'
        parts.append(f'<polyline fill="none" {stroke} points="{points}"/>')
        row = _TOP + height - 14 - 20 * (len(series) - 1 - index)
        right = _LEFT + width - 12
        parts.append(f'<path d="M{right - 34} {row - 4}H{right}" {stroke}/>')
        parts.append(_text(right - 42, row, name, "end"))
    parts.append("</svg>\n")
    return "\n".join(parts)


_BAR, _GAP, _LABELS = 13, 16, 150


def bars(title: str, unit: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """One horizontal bar per system in each group; systems keep their place and shade."""
    systems = list(dict.fromkeys(name for group in groups.values() for name in group))
    most = max(value for group in groups.values() for value in group.values())
    step = round_step(most / 6)
    limit = step * math.ceil(most / step)
    per_group = _BAR * len(systems) + _GAP
    top = 64 + 18 * (len(systems) // 3)
    height = top + per_group * len(groups) + 44
    width = _WIDTH - _LABELS - 60
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
        f' role="img" aria-label="{escape(title)}" font-family="sans-serif" font-size="12">',
        # The picture follows the page it is shown on.
        "<style>text{fill:#374151}.axis{stroke:#d1d5db}"
        "@media(prefers-color-scheme:dark){text{fill:#d1d5db}.axis{stroke:#4b5563}}</style>",
        f'<text x="16" y="24" font-size="15">{escape(title)}</text>',
    ]
    for index, name in enumerate(systems):
        left, line = 16 + 230 * (index % 3), 42 + 18 * (index // 3)
        shade = f'width="22" height="10" fill="{_SHADES[index]}"'
        parts.append(f'<rect x="{left}" y="{line - 9}" {shade}/>')
        parts.append(f'<text x="{left + 28}" y="{line}">{escape(name)}</text>')
    bottom = height - 44
    for count in range(round(limit / step) + 1):
        x = round(_LABELS + width * count * step / limit, 1)
        parts.append(f'<line class="axis" x1="{x}" y1="{top}" x2="{x}" y2="{bottom}"/>')
        parts.append(
            f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{count * step:g}</text>'
        )
    middle = _LABELS + width / 2
    parts.append(f'<text x="{middle}" y="{height - 8}" text-anchor="middle">{escape(unit)}</text>')
    for row, (label, group) in enumerate(groups.items()):
        y = top + _GAP / 2 + row * per_group
        centre = y + _BAR * len(systems) / 2 + 4
        parts.append(
            f'<text x="{_LABELS - 8}" y="{centre}" text-anchor="end">{escape(label)}</text>'
        )
        for index, name in enumerate(systems):
            if name not in group:
                continue
            long, at = round(width * group[name] / limit, 1), y + index * _BAR
            parts.append(
                f'<rect x="{_LABELS}" y="{at}" width="{long}" height="{_BAR - 2}"'
                f' fill="{_SHADES[index]}"/>'
            )
            value = f'{_LABELS + long + 4}" y="{at + _BAR - 3}'
            parts.append(f'<text x="{value}" font-size="10">{shown(group[name])}</text>')
    parts.append("</svg>\n")
    return "\n".join(parts)


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#e5e7eb"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="#374151">{escape(text)}</text>'


def round_step(least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below `least`."""
    power: float = 10 ** math.floor(math.log10(least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least)
