"""What the documents say about the code is true."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def protocol_rows() -> list[list[str]]:
    lines = (ROOT / "docs" / "protocols.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    return [row for row in rows if row[0] not in ("Specification", "---")]


@pytest.mark.parametrize("row", protocol_rows(), ids=lambda row: row[0])
def test_each_protocol_has_a_state_and_modules_that_exist(row: list[str]) -> None:
    _, state, modules, _ = row
    assert state in ("yes", "part", "planned", "no")

    named = re.findall(r"`([^`]+)`", modules)
    assert bool(named) == (state in ("yes", "part"))
    for each in named:
        base = ROOT if each.startswith(("engine/", "webclient/")) else ROOT / "src" / "tertulia"
        assert (base / each).is_file(), each


def acceptance_tests() -> list[str]:
    text = (ROOT / "docs" / "acceptance.md").read_text(encoding="utf-8")
    return sorted(set(re.findall(r"`([^`:]+::[^`]+)`", text)))


@pytest.mark.parametrize("test", acceptance_tests())
def test_each_test_named_for_a_point_exists(test: str) -> None:
    file, _, name = test.partition("::")
    source = (ROOT / file).read_text(encoding="utf-8")

    if file.endswith(".ts"):  # there they have titles
        assert f'"{name}"' in source
    else:
        assert re.search(rf"\b(def|fn) {name}\(", source)


def test_each_transcript_named_for_a_point_exists() -> None:
    text = (ROOT / "docs" / "acceptance.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(tests/protocol/[a-z-]+\.txt)`", text))

    assert len(named) > 30
    assert [each for each in sorted(named) if not (ROOT / each).is_file()] == []


def reading_order() -> list[str]:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    return re.findall(r"^\d+\. `([^`]+)`", text.partition("## Reading order")[2], re.MULTILINE)


def test_the_reading_order_names_files_that_exist() -> None:
    files = reading_order()

    assert len(files) == 10
    assert [each for each in files if not (ROOT / each).is_file()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    links = re.findall(r"(?<!!)\[[^\]]*\]\(([^)#:]+)\)", document.read_text(encoding="utf-8"))

    assert [each for each in links if not (document.parent / each).exists()] == []
