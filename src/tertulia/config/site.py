"""Sections of the configuration: what people see of a site."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tertulia.config.declaring import key
from tertulia.setting_rules import COLOUR, LINE, LINK, ORIGINS, TEXT, one_of


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteWords:
    """A site's own words and links in one language; those of another one stand in for them."""

    welcome: str = key("", "Shown on the start page, in this language.", TEXT)
    help: str = key("", "Address of the site's help, in this language.", LINK)
    privacy: str = key("", "Address of the site's privacy policy, in this language.", LINK)
    imprint: str = key("", "Address that says who runs the site, in this language.", LINK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    name: str = key("Tertulia", "The name people see on the start page and in the title.", LINE)
    embed: tuple[str, ...] = key(
        (),
        "Sites whose pages may show meetings in a frame, such as https://portal.example.org, or * "
        "for all (docs/embedding.md).",
        ORIGINS,
    )
    show_inside: str = key(
        "count",
        "What people see of an open room before they enter: `count` (how many are there), `names` "
        "(also the names of six), or `nothing`. Rooms with a password or a lobby never tell.",
        one_of("count", "names", "nothing"),
    )
    accent: str = key(
        "",
        "The colour of buttons and links, such as #3341b4; white text on it must be readable.",
        COLOUR,
    )
    logo: Path | None = key(None, "SVG or PNG file shown beside the name, at most 512 KiB.")
    logo_dark: Path | None = key(
        None, "The logo for dark pages; without it `site.logo` stands on a white plate there."
    )
    icon: Path | None = key(None, "SVG or PNG file for the browser's tab, at most 512 KiB.")
    en: SiteWords = SiteWords()
    es: SiteWords = SiteWords()
    fr: SiteWords = SiteWords()
    it: SiteWords = SiteWords()

    @property
    def words(self) -> dict[str, SiteWords]:
        """By language."""
        return {"en": self.en, "es": self.es, "fr": self.fr, "it": self.it}
