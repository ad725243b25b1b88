"""What makes a site look like its own: accent colour, logo, icon, words and links.

Everything is read and judged at the start, so that a mistake is the operator's to see and not the
visitors'. Pictures are served as what they are, with a policy that lets nothing in them run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from aiohttp import web

from tertulia.errors import ConfigError

MAX_PICTURE_BYTES = 512 * 1024
# WCAG 2.2, 1.4.3: text against what is behind it.
_ENOUGH = 4.5
_WHITE, _LIGHT_PAGE, _DARK_PAGE = "#ffffff", "#f4f5f8", "#222631"
_NIGHT = "#101218"
# Explanations (--text-muted) stand on light and on dark, also on what is tinted with the accent.
_MUTED, _MUTED_ON_DARK = "#565d70", "#a6adbf"
_PNG = b"\x89PNG\r\n\x1a\n"
# A picture opened by itself is a page of our origin: it may not run anything or fetch anything.
_INERT = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@dataclass(frozen=True, slots=True)
class Picture:
    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """A site's own look; empty: ours."""

    accent: str = ""  # "#rrggbb"
    logo: Picture | None = None
    logo_dark: Picture | None = None
    icon: Picture | None = None
    # By language, such as {"en": "Welcome", "es": "Bienvenidos"}.
    welcome: Mapping[str, str] = field(default_factory=dict)
    # By what they lead to (help, privacy, imprint), then by language.
    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def for_client(self) -> dict[str, object]:
        """The part of /config.js that the page reads."""
        return {
            "logo": self.logo is not None,
            "logoDark": self.logo_dark is not None,
            "welcome": dict(self.welcome),
            "links": {kind: dict(addresses) for kind, addresses in self.links.items()},
        }

    def stylesheet(self) -> str:
        """CSS that sets the accent's tokens, readable on light and on dark; empty without one."""
        if not self.accent:
            return ""
        dark = readable_on_dark(self.accent)
        strong = mixed(self.accent, "#000000", 0.2)
        tokens = {
            "--accent": (self.accent, dark),
            "--accent-strong": (strong, mixed(dark, _WHITE, 0.25)),
            "--on-accent": (_WHITE, _NIGHT),
            "--accent-soft": (
                tint(self.accent, _WHITE, 0.88, (self.accent, _MUTED)),
                tint(self.accent, _NIGHT, 0.7, (dark, _MUTED_ON_DARK)),
            ),
        }
        rows = "".join(
            f"  {name}: light-dark({light}, {night});\n" for name, (light, night) in tokens.items()
        )
        # Twice, because it is loaded before the page's own tokens.
        return f":root:root {{\n{rows}}}\n"


def picture(path: Path | None, key: str) -> Picture | None:
    """Read a logo or an icon. Raises: ConfigError naming the key and what would do."""
    if path is None:
        return None
    try:
        body = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{key}: {path} cannot be read ({error.strerror})") from None
    if len(body) > MAX_PICTURE_BYTES:
        raise ConfigError(f"{key}: {path} has more than {MAX_PICTURE_BYTES // 1024} KiB")
    if body.startswith(_PNG):
        return Picture(body, "image/png")
    if b"<svg" in body[:1024]:
        return Picture(body, "image/svg+xml")
    raise ConfigError(f"{key}: {path} is neither SVG nor PNG")


class Words(Protocol):
    """A site's own words and links in one language; empty where there are none."""

    @property
    def welcome(self) -> str: ...
    @property
    def help(self) -> str: ...
    @property
    def privacy(self) -> str: ...
    @property
    def imprint(self) -> str: ...


class Site(Protocol):
    """What the configuration says of a site's look."""

    @property
    def accent(self) -> str: ...
    @property
    def logo(self) -> Path | None: ...
    @property
    def logo_dark(self) -> Path | None: ...
    @property
    def icon(self) -> Path | None: ...
    @property
    def words(self) -> Mapping[str, Words]: ...


def theme_of(site: Site) -> Theme:
    """The theme the configuration describes. Raises: ConfigError."""
    words = site.words

    def by_language(kind: str) -> dict[str, str]:
        return {each: found for each, own in words.items() if (found := getattr(own, kind))}

    links = {kind: by_language(kind) for kind in ("help", "privacy", "imprint")}
    return Theme(
        accent=checked_accent(site.accent),
        logo=picture(site.logo, "site.logo"),
        logo_dark=picture(site.logo_dark, "site.logo_dark"),
        icon=picture(site.icon, "site.icon"),
        welcome=by_language("welcome"),
        links={kind: addresses for kind, addresses in links.items() if addresses},
    )


def checked_accent(accent: str) -> str:
    """The accent, if white text on it and it on a light page can be read. Raises: ConfigError."""
    if accent:
        worst = min(contrast(accent, _WHITE), contrast(accent, _LIGHT_PAGE))
        if worst < _ENOUGH:
            raise ConfigError(
                f"site.accent: {accent} has a contrast of {worst:.1f} with a light page, and "
                f"{_ENOUGH} are needed to read it; {readable_on_light(accent)} would do"
            )
    return accent


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2, relative luminance)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def mixed(colour: str, other: str, share: float) -> str:
    """`colour` with `share` (0 to 1) of `other` in it."""
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def readable_on_light(colour: str) -> str:
    """The nearest darker shade that passes `checked_accent`."""
    return next(
        shade
        for shade in _shades(colour, "#000000")
        if min(contrast(shade, _WHITE), contrast(shade, _LIGHT_PAGE)) >= _ENOUGH
    )


def readable_on_dark(colour: str) -> str:
    """The nearest lighter shade that can be read on dark surfaces."""
    return next(
        shade for shade in _shades(colour, _WHITE) if contrast(shade, _DARK_PAGE) >= _ENOUGH
    )


def tint(colour: str, surface: str, share: float, texts: Iterable[str]) -> str:
    """`surface` with a breath of `colour`: at least `share` of surface, and `texts` readable on it.

    The last step is the surface itself, on which they are readable in any case.
    """
    texts = tuple(texts)
    steps = (mixed(colour, surface, min(1.0, share + step / 100)) for step in range(101))
    return next(
        each
        for each in steps
        if each == surface or all(contrast(text, each) >= _ENOUGH for text in texts)
    )


def _shades(colour: str, towards: str) -> Iterator[str]:
    return (mixed(colour, towards, step / 40) for step in range(41))


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    linear = [
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
        for share in (channel / 255 for channel in _channels(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def add_theme(app: web.Application, theme: Theme, icon: Path) -> None:
    """Serve the theme below /site; `icon` is shown where the site has none of its own."""

    has_icon = icon.is_file()

    def answer(body: bytes, content_type: str) -> web.Response:
        response = web.Response(body=body, content_type=content_type)
        response.headers["Cache-Control"] = "no-cache"
        return response

    async def stylesheet(request: web.Request) -> web.Response:
        return answer(theme.stylesheet().encode(), "text/css")

    async def show(request: web.Request) -> web.StreamResponse:
        which = request.match_info["picture"]
        found = {"logo": theme.logo, "logo-dark": theme.logo_dark, "icon": theme.icon}[which]
        if found is not None:
            response: web.StreamResponse = answer(found.body, found.content_type)
        elif which == "icon" and has_icon:
            response = web.FileResponse(icon, headers={"Cache-Control": "no-cache"})
        else:
            raise web.HTTPNotFound(text="This site has no logo of its own.\n")
        response.headers["Content-Security-Policy"] = _INERT
        return response

    app.router.add_get("/site/theme.css", stylesheet)
    app.router.add_get("/site/{picture:logo|logo-dark|icon}", show)
