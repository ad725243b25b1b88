"""The table of who may do what (docs/rooms.md) names the acts that transcripts show refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
DOCUMENT = HERE.parent.parent / "docs" / "rooms.md"
ROW = re.compile(r"^\| (.+?) \| .+? \| `(\S+\.txt)` \|$", re.MULTILINE)
ACT = re.compile(r"^# act: (.+)$", re.MULTILINE)


def transcripts() -> dict[str, str]:
    return {
        each.name: each.read_text(encoding="utf-8") for each in HERE.glob("*-forbidden-acts.txt")
    }


def test_each_act_of_the_table_is_refused_in_its_transcript_and_no_other_is() -> None:
    documented = ROW.findall(DOCUMENT.read_text(encoding="utf-8"))
    shown = [(act, name) for name, text in transcripts().items() for act in ACT.findall(text)]

    assert sorted(documented) == sorted(shown)
    assert len(documented) == len(set(documented))


@pytest.mark.parametrize("name", sorted(transcripts()))
def test_each_act_is_answered(name: str) -> None:
    acts = ACT.split(transcripts()[name])[1:]
    for act, steps in zip(acts[::2], acts[1::2], strict=True):
        lines = [line for line in steps.splitlines() if re.match(r"\w+ [<>] ", line)]
        assert " > " in lines[0], act
        is_refused = 'type="error"' in lines[1]
        is_stripped = lines[0].startswith("bea > <presence") and "<presence from=" in lines[1]
        assert is_refused or is_stripped, act
