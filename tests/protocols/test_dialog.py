"""What every dialog promises to whoever drives it, whichever protocol it speaks."""

import pytest

from exporter.protocols import open_dialog
from exporter.protocols.dialog import Dialog, Enter, Fail, Finished, NeedData, Send, StartTls
from exporter.protocols.imap import ImapDialog
from exporter.protocols.pop3 import Pop3Dialog
from exporter.protocols.sieve import SieveDialog
from exporter.protocols.smtp import SmtpDialog
from exporter.results import Findings, Outcome, Phase, TranscriptLine
from exporter.targets import Protocol, TlsMode
from tests.protocols.feeding import EHLO_NAME


def smtp(tls: TlsMode = TlsMode.STARTTLS) -> Dialog:
    return open_dialog(Protocol.SMTP, tls, EHLO_NAME)


def ready_for_tls() -> Dialog:
    """A dialog whose next action is the handshake."""
    dialog = smtp()
    for said in (b"220 mx\r\n", b"250-mx\r\n250 STARTTLS\r\n", b"220 go\r\n"):
        while dialog.next_action() != NeedData():
            pass
        dialog.receive(said)
    return dialog


@pytest.mark.parametrize(
    ("protocol", "kind"),
    [
        (Protocol.SMTP, SmtpDialog),
        (Protocol.IMAP, ImapDialog),
        (Protocol.POP3, Pop3Dialog),
        (Protocol.SIEVE, SieveDialog),
    ],
)
def test_every_protocol_has_its_dialog(protocol: Protocol, kind: type[Dialog]) -> None:
    assert type(open_dialog(protocol, TlsMode.NONE, EHLO_NAME)) is kind


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("tls", TlsMode)
def test_a_dialog_never_speaks_first(protocol: Protocol, tls: TlsMode) -> None:
    dialog = open_dialog(protocol, tls, EHLO_NAME)
    assert [dialog.next_action() for _ in range(3)] == [NeedData()] * 3
    assert dialog.findings() == Findings()
    assert dialog.transcript == ()


def test_the_answer_stays_the_same_while_nothing_happens() -> None:
    dialog = ready_for_tls()
    assert [dialog.next_action() for _ in range(3)] == [StartTls()] * 3
    dialog.tls_established()
    assert dialog.next_action() == Enter(Phase.CAPABILITIES_TLS)


def test_bytes_that_come_with_the_answer_to_starttls_are_refused_and_never_parsed() -> None:
    dialog = ready_for_tls()
    dialog.receive(b"250-forged\r\n250 SIZE 1\r\n")
    assert dialog.next_action() == Fail(
        Outcome.STARTTLS_PLAINTEXT_INJECTED,
        "24 bytes in the clear after the answer to STARTTLS: <250-forged\\x0d\\x0a250 SIZE 1\\x0d\\x0a>",
    )
    assert dialog.next_action() == Finished()
    assert dialog.unread == b"250-forged\r\n250 SIZE 1\r\n"
    assert dialog.findings().capabilities_tls is None


def test_half_a_line_with_the_answer_to_starttls_is_refused_as_well() -> None:
    dialog = ready_for_tls()
    dialog.receive(b"2")
    action = dialog.next_action()
    assert isinstance(action, Fail)
    assert action.outcome is Outcome.STARTTLS_PLAINTEXT_INJECTED


def test_a_server_that_closes_instead_of_the_handshake_is_left_to_the_driver() -> None:
    dialog = ready_for_tls()
    dialog.receive_eof()
    assert [dialog.next_action() for _ in range(2)] == [StartTls()] * 2


def test_bytes_that_come_before_the_handshake_is_reported_are_refused() -> None:
    dialog = ready_for_tls()
    assert dialog.next_action() == StartTls()
    dialog.receive(b"250 forged\r\n")
    dialog.tls_established()
    action = dialog.next_action()
    assert isinstance(action, Fail)
    assert action.outcome is Outcome.STARTTLS_PLAINTEXT_INJECTED
    assert dialog.next_action() == Finished()


def test_bytes_that_come_with_the_end_of_the_handshake_are_inside_tls() -> None:
    # An SMTP server that speaks now is out of step, but it is not an injection.
    dialog = ready_for_tls()
    assert dialog.next_action() == StartTls()
    dialog.tls_established()
    dialog.receive(b"220 hello again\r\n")
    action = dialog.next_action()
    assert isinstance(action, Fail)
    assert action.outcome is Outcome.PROTOCOL_ERROR


def test_capabilities_that_come_with_the_end_of_the_handshake_are_read() -> None:
    dialog = open_dialog(Protocol.SIEVE, TlsMode.STARTTLS, EHLO_NAME)
    dialog.receive(b'"STARTTLS"\r\nOK\r\n')
    assert dialog.next_action() == Enter(Phase.STARTTLS)
    assert dialog.next_action() == Send(b"STARTTLS\r\n")
    assert dialog.next_action() == NeedData()
    dialog.receive(b"OK\r\n")
    assert dialog.next_action() == StartTls()
    dialog.tls_established()
    dialog.receive(b"OK\r\n")
    assert dialog.next_action() == Enter(Phase.CAPABILITIES_TLS)
    assert dialog.next_action() == Enter(Phase.GOODBYE)
    assert dialog.findings().capabilities_tls == ()


def test_findings_may_be_asked_for_at_any_time() -> None:
    dialog = smtp()
    dialog.receive(b"220 mx\r\n")
    assert dialog.next_action() == Enter(Phase.CAPABILITIES)
    assert dialog.findings() == Findings(greeting_code=220, greeting="mx")


def test_bytes_after_the_end_stay_unread() -> None:
    dialog = smtp()
    dialog.receive(b"rubbish\r\n")
    assert isinstance(dialog.next_action(), Fail)
    assert dialog.next_action() == Finished()
    dialog.receive(b"more\r\n")
    dialog.receive_eof()
    assert dialog.next_action() == Finished()
    assert dialog.unread == b"more\r\n"


def test_a_session_may_not_receive_more_than_its_limit() -> None:
    dialog = open_dialog(Protocol.IMAP, TlsMode.STARTTLS, EHLO_NAME)
    dialog.receive(b"* OK hi\r\n" + b"* 1 EXISTS\r\n" * 30_000)
    assert dialog.next_action() == Enter(Phase.CAPABILITIES)
    assert dialog.next_action() == Send(b"a1 CAPABILITY\r\n")
    assert dialog.next_action() == Fail(
        Outcome.REPLY_TOO_LONG, "a reply of more than 100 lines instead of the answer to a1 CAPABILITY"
    )
    assert len(dialog.unread) < 256 * 1024


def test_the_transcript_tells_both_sides_and_what_was_encrypted() -> None:
    dialog = ready_for_tls()
    assert dialog.next_action() == StartTls()
    dialog.tls_established()
    while dialog.next_action() != NeedData():
        pass
    dialog.receive(b"250 m\x00x\xff\r\nhalf a line")
    dialog.next_action()
    assert dialog.transcript == (
        TranscriptLine(sent=False, text="220 mx"),
        TranscriptLine(sent=True, text="EHLO monitor.example.org"),
        TranscriptLine(sent=False, text="250-mx"),
        TranscriptLine(sent=False, text="250 STARTTLS"),
        TranscriptLine(sent=True, text="STARTTLS"),
        TranscriptLine(sent=False, text="220 go"),
        TranscriptLine(sent=True, text="EHLO monitor.example.org", secured=True),
        TranscriptLine(sent=False, text="250 m\\x00x\\xff", secured=True),
    )
    assert dialog.unread == b"half a line"


def test_a_literal_is_in_the_transcript_as_well() -> None:
    dialog = open_dialog(Protocol.SIEVE, TlsMode.NONE, EHLO_NAME)
    dialog.receive(b"{5}\r\nSI\r\nE\r\nOK\r\n")
    dialog.next_action()
    assert [line.text for line in dialog.transcript] == ["{5}", "SI\\x0d\\x0aE", "", "OK"]
