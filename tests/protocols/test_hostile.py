"""Whatever a server sends and however it is cut, a dialog neither raises nor goes on for ever, and never logs in."""

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.protocols import open_dialog
from exporter.protocols.dialog import Fail, Finished, NeedData, Send, StartTls
from exporter.results import Outcome
from exporter.targets import Protocol, TlsMode
from tests.protocols.feeding import ACTIONS_LIMIT, EHLO_NAME, Conversation

# What servers really say, whole and in parts, so that chance gets past the greeting.
_LINES = rb"""
220 mx|220-mx|250-mx|250 STARTTLS|250 SIZE 9|250-AUTH PLAIN|221 bye|421 no|500 what|554 no
* OK hi|* OK [CAPABILITY STARTTLS] hi|* PREAUTH hi|* BYE|* CAPABILITY STARTTLS|* X {3}|a1 NO
a1 OK|a2 OK [CAPABILITY X]|a3 OK|+OK|-ERR [IN-USE]|STLS|.|..|"STARTTLS"|"SASL" {5}|PLAIN|"open
OK|OK (X) {1}|NO|BYE|{99999999999}|{65537}
"""
_PHRASES = (
    *(line + b"\r\n" for line in _LINES.replace(b"\n", b"|").split(b"|")),
    b"\n",
    b"\x00",
    b"\xff\xfe",
    b"x" * 5000,
)

_SEGMENTS = st.lists(st.one_of(st.sampled_from(_PHRASES), st.binary(max_size=40)), max_size=30)
_PROTOCOLS = st.sampled_from(Protocol)
_MODES = st.sampled_from(TlsMode)

_COMMANDS = {
    Protocol.SMTP: {f"EHLO {EHLO_NAME}", f"HELO {EHLO_NAME}", "STARTTLS", "QUIT"},
    Protocol.IMAP: {f"a{number} {verb}" for number in range(1, 5) for verb in ("CAPABILITY", "STARTTLS", "LOGOUT")},
    Protocol.POP3: {"CAPA", "STLS", "QUIT"},
    Protocol.SIEVE: {"STARTTLS", "LOGOUT"},
}


@settings(max_examples=300)
@given(_PROTOCOLS, _MODES, _SEGMENTS)
def test_any_server_is_survived_and_none_is_told_a_password(
    protocol: Protocol, tls: TlsMode, segments: list[bytes]
) -> None:
    conversation = Conversation(protocol, tls)
    going_on = conversation.advance()
    for segment in segments:
        going_on = going_on and conversation.hear(segment)
    if going_on:
        assert not conversation.hear(None), "a dialog ends with the stream"
    sent = [action.data[:-2].decode() for action in conversation.actions if isinstance(action, Send)]
    assert set(sent) <= _COMMANDS[protocol]
    assert len(sent) <= 4
    assert sum(isinstance(action, Fail) for action in conversation.actions) <= 1
    assert sum(isinstance(action, StartTls) for action in conversation.actions) <= (tls is TlsMode.STARTTLS)
    assert all(line.text.isprintable() for line in conversation.dialog.transcript)


@settings(max_examples=150)
@given(_PROTOCOLS, _MODES, st.binary(max_size=300))
def test_noise_is_no_greeting(protocol: Protocol, tls: TlsMode, noise: bytes) -> None:
    conversation = Conversation(protocol, tls)
    conversation.advance()
    going_on = conversation.hear(b"\x00" + noise)
    if going_on:
        conversation.hear(None)
    outcomes = {action.outcome for action in conversation.actions if isinstance(action, Fail)}
    assert outcomes <= {Outcome.GREETING_INVALID, Outcome.CLOSED_EARLY}
    assert outcomes
    assert not any(isinstance(action, Send) for action in conversation.actions)


@settings(max_examples=100)
@given(_PROTOCOLS, _MODES, st.sampled_from(_PHRASES))
def test_a_server_that_never_stops_talking_is_left(protocol: Protocol, tls: TlsMode, phrase: bytes) -> None:
    # Endless data and no end of the stream: the limits alone must end it.
    dialog = open_dialog(protocol, tls, EHLO_NAME)
    actions = 0
    for _ in range(400_000):
        action = dialog.next_action()
        if isinstance(action, Finished):
            break
        if isinstance(action, NeedData):
            dialog.receive(phrase * 20)
            continue
        if isinstance(action, StartTls):
            dialog.tls_established()
        actions += 1
    assert dialog.next_action() == Finished()
    assert actions < ACTIONS_LIMIT
