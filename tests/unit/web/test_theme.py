"""A site's own look: what is refused at the start, and how pictures are served."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tertulia.config.site import Site, SiteWords
from tertulia.errors import ConfigError
from tertulia.web.headers import check_host_and_secure
from tertulia.web.theme import (
    MAX_PICTURE_BYTES,
    Theme,
    add_theme,
    contrast,
    readable_on_dark,
    readable_on_light,
    theme_of,
)

LEVELS = ("00", "55", "aa", "ff")
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def tints(theme: Theme) -> tuple[str, str]:
    found = re.search(r"--accent-soft: light-dark\((#\w+), (#\w+)\)", theme.stylesheet())
    assert found is not None
    return found[1], found[2]


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    # The lightest grey that passes on white, as the specification's readers know it.
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


def test_an_accent_nobody_can_read_is_refused_with_one_that_would_do() -> None:
    with pytest.raises(
        ConfigError, match=r"site\.accent: #ffcc00 .* (#[0-9a-f]{6}) would do"
    ) as it:
        theme_of(Site(accent="#ffcc00"))

    suggested = str(it.value).split("; ")[1].split()[0]
    assert theme_of(Site(accent=suggested)).accent == suggested


@pytest.mark.parametrize("accent", ["#3341b4", "#7a0019", "#000000", "#005f40"])
def test_the_accent_can_be_read_on_dark_as_well(accent: str) -> None:
    assert contrast(readable_on_dark(accent), "#222631") >= 4.5
    assert f"--accent: light-dark({accent}, " in Theme(accent=accent).stylesheet()


COLOURS = [f"#{r}{g}{b}" for r in LEVELS for g in LEVELS for b in LEVELS]


@pytest.mark.parametrize("colour", COLOURS)
def test_whatever_the_accent_all_that_stands_on_its_tint_can_be_read(colour: str) -> None:
    accent = readable_on_light(colour)
    (light, dark) = tints(Theme(accent=accent))

    for text in (accent, "#565d70", "#171a23"):
        assert contrast(text, light) >= 4.5, (text, light)
    for text in (readable_on_dark(accent), "#a6adbf", "#eef0f6"):
        assert contrast(text, dark) >= 4.5, (text, dark)


def test_without_an_accent_the_page_keeps_its_own() -> None:
    assert Theme().stylesheet() == ""


def test_words_and_links_are_told_by_language() -> None:
    site = Site(es=SiteWords(welcome="Bienvenidos", help="https://example.org/ayuda"))

    assert theme_of(site).for_client() == {
        "logo": False,
        "logoDark": False,
        "welcome": {"es": "Bienvenidos"},
        "links": {"help": {"es": "https://example.org/ayuda"}},
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"GIF89a", "neither SVG nor PNG"),
        (PNG + bytes(MAX_PICTURE_BYTES), "more than 512 KiB"),
        (None, "cannot be read"),
    ],
)
def test_a_picture_that_will_not_do_is_refused(
    tmp_path: Path, body: bytes | None, message: str
) -> None:
    file = tmp_path / "logo"
    if body is not None:
        file.write_bytes(body)

    with pytest.raises(ConfigError, match=f"site.logo: .*{message}"):
        theme_of(Site(logo=file))


async def test_pictures_are_served_as_what_they_are_and_run_nothing(tmp_path: Path) -> None:
    logo, icon = tmp_path / "logo.svg", tmp_path / "icon.png"
    logo.write_text(SVG)
    icon.write_bytes(PNG)
    app = web.Application(middlewares=[check_host_and_secure()])
    add_theme(app, theme_of(Site(logo=logo, logo_dark=icon, icon=icon)), tmp_path / "none")
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/site/logo")

        assert answer.content_type == "image/svg+xml"
        assert await answer.text() == SVG
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "sandbox" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        for other in ("/site/icon", "/site/logo-dark"):
            assert (await client.get(other)).content_type == "image/png"


async def test_a_site_without_pictures_shows_ours(tmp_path: Path) -> None:
    ours = tmp_path / "favicon.svg"
    ours.write_text(SVG)
    app = web.Application()
    add_theme(app, Theme(), ours)
    async with TestClient(TestServer(app)) as client:
        assert (await client.get("/site/logo")).status == 404
        assert (await client.get("/site/icon")).content_type == "image/svg+xml"
        assert await (await client.get("/site/theme.css")).text() == ""
