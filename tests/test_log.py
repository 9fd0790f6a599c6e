"""The log: both formats say the same, one line an event, whatever is in it."""

import io
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest

from exporter import log
from exporter.results import Outcome

LOGGER = logging.getLogger("mailprobe.test")

# One field of logfmt: a bare word, or a text in JSON's quotes.
FIELD = re.compile(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|[^ "]+)(?: |$)')


@contextmanager
def configured(level: str = "info", form: str = "logfmt") -> Iterator[io.StringIO]:
    """The log is what is yielded until the end of the block; it is the process' own, so it is put back."""
    root = logging.getLogger()
    before = root.handlers, root.level
    # Out of reach, since setting up a log closes the handlers that it replaces.
    root.handlers = []
    try:
        written = io.StringIO()
        log.configure(level, form, written)
        yield written
    finally:
        root.handlers, root.level = before


def read(line: str, form: str) -> dict[str, object]:
    """The fields of one line, as a program would read them; fails on anything between them."""
    if form == "json":
        event = json.loads(line)
        assert isinstance(event, dict)
        return event
    assert FIELD.sub("", line) == ""
    return {name: json.loads(value) if value[0] == '"' else value for name, value in FIELD.findall(line)}


TEXTS = {
    "plain": "probing",
    "words": "target changed state",
    "empty": "",
    "two lines": "first\nsecond\r\nthird",
    "control characters": "\x00\x07\x1b[2J\x7f\t",
    "quotes and backslashes": 'he said "no" \\n',
    "looks like a field": "level=error",
    "line ends of other alphabets": "a\u2028b\x85c\x0bd",
    "not ascii": "übermäßig 邮件",
    "no character at all": "\ud800",
}


@pytest.mark.parametrize("form", log.FORMATS)
@pytest.mark.parametrize("text", TEXTS)
def test_an_event_is_one_line_of_visible_characters_whatever_is_in_it(text: str, form: str) -> None:
    with configured(form=form) as written:
        LOGGER.info("%s", TEXTS[text], extra={"facts": {"detail": TEXTS[text]}})

    line = written.getvalue().removesuffix("\n")
    assert line.isascii()
    assert line.isprintable()
    event = read(line, form)
    assert (event["msg"], event["detail"]) == (TEXTS[text], TEXTS[text])


@pytest.mark.parametrize("form", log.FORMATS)
def test_every_event_gets_a_line_of_its_own(form: str) -> None:
    with configured(form=form) as written:
        LOGGER.info("first")
        LOGGER.info("second")

    assert [read(line, form)["msg"] for line in written.getvalue().splitlines()] == ["first", "second"]


@pytest.mark.parametrize("form", log.FORMATS)
def test_an_exception_is_a_field_of_its_line(form: str) -> None:
    with configured(form=form) as written:
        try:
            raise ValueError("said\nso")
        except ValueError:
            LOGGER.exception("went wrong")

    (line,) = written.getvalue().splitlines()
    event = read(line, form)
    assert (event["level"], event["msg"]) == ("error", "went wrong")
    traceback = str(event["traceback"])
    assert traceback.startswith("Traceback (most recent call last):\n")
    assert traceback.endswith("ValueError: said\nso")


def test_logfmt_is_written_as_people_read_it() -> None:
    with configured() as written:
        LOGGER.warning(
            "no answer", extra={"facts": {"host": "mail.example.org", "port": 25, "from": None, "to": Outcome.OK}}
        )

    time, _, rest = written.getvalue().partition(" ")
    assert rest == 'level=warn msg="no answer" host=mail.example.org port=25 to=ok\n'
    assert datetime.fromisoformat(time.removeprefix("ts=")).tzinfo is not None


def test_json_keeps_numbers_and_leaves_out_what_is_not_known() -> None:
    with configured(form="json") as written:
        LOGGER.info("ok", extra={"facts": {"port": 25, "lag": 0.5, "from": None, "to": Outcome.OK, "files": {1}}})

    event = json.loads(written.getvalue())
    del event["ts"]
    assert event == {"level": "info", "msg": "ok", "port": 25, "lag": 0.5, "to": "ok", "files": "{1}"}


@pytest.mark.parametrize("form", log.FORMATS)
def test_the_time_is_that_of_the_event_in_utc_to_the_millisecond(form: str) -> None:
    with configured(form=form) as written:
        record = LOGGER.makeRecord(LOGGER.name, logging.INFO, __file__, 1, "then", (), None)
        record.created = 1_795_300_000.25

        LOGGER.handle(record)

    assert read(written.getvalue().rstrip("\n"), form)["ts"] == "2026-11-21T22:26:40.250+00:00"


LEVELS = {
    "debug": ["debug", "info", "warn", "error", "error"],
    "info": ["info", "warn", "error", "error"],
    "warn": ["warn", "error", "error"],
    "error": ["error", "error"],
}


@pytest.mark.parametrize("level", log.LEVELS)
def test_a_level_lets_through_itself_and_what_is_worse(level: str) -> None:
    with configured(level, "json") as written:
        for severity in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
            LOGGER.log(severity, "event")

    assert [json.loads(line)["level"] for line in written.getvalue().splitlines()] == LEVELS[level]


def test_a_log_that_is_set_up_again_is_written_once() -> None:
    after = io.StringIO()
    with configured() as before:
        log.configure("info", "logfmt", after)
        LOGGER.info("event")

    assert before.getvalue() == ""
    assert len(after.getvalue().splitlines()) == 1


def test_the_log_goes_to_standard_error_unless_told_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    with configured():
        log.configure("info", "logfmt")
        LOGGER.info("event")

    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith(" level=info msg=event\n")
