import json
import logging
import sys

from hypothesis import given
from hypothesis import strategies as st

from tertulia.logs import MAX_FIELD_CHARACTERS, LineFormatter


def record(message: str, **more: object) -> logging.LogRecord:
    fields = {"name": "tertulia.focus", "levelname": "INFO", "msg": message, **more}
    return logging.makeLogRecord(fields)


def test_logfmt_names_time_level_process_logger_and_event() -> None:
    line = LineFormatter("logfmt", "control").format(record("Joined MUC: room@x", created=0.5))

    assert line == (
        "time=1970-01-01T00:00:00.500Z level=info process=control "
        'logger=tertulia.focus msg="Joined MUC: room@x"'
    )


def test_a_stranger_cannot_begin_a_line_or_colour_the_terminal() -> None:
    line = LineFormatter("logfmt", "control").format(
        record('a"\r\nlevel=error \x1b[31m\u202e\u2028')
    )

    assert line.endswith('msg="a\\"\\r\\nlevel=error \\u001b[31m\\u202e\\u2028"')


def test_a_traceback_stays_in_its_line() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        line = LineFormatter("logfmt", "control").format(record("Failed", exc_info=sys.exc_info()))

    assert "\n" not in line
    assert "ValueError: two\\nlines" in line


def test_a_long_message_is_cut_with_its_length() -> None:
    line = LineFormatter("logfmt", "control").format(record("x" * 100_000))

    assert len(line) < MAX_FIELD_CHARACTERS + 200
    assert "(100000 characters)" in line


@given(st.text())
def test_fuzz_json_gives_back_every_message_in_one_line(message: str) -> None:
    line = LineFormatter("json", "bridge").format(record(message))

    assert line.isprintable()
    assert json.loads(line)["msg"] == message


@given(st.text(alphabet=st.characters()))
def test_fuzz_logfmt_is_one_printable_line(message: str) -> None:
    line = LineFormatter("logfmt", "bridge").format(record(message))

    assert len(line.splitlines()) == 1
