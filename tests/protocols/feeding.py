"""Plays a server to a dialog, three ways, and tells what the dialog did.

A conversation is what the server says, one entry for each time it is waited for: bytes, or `CLOSES` for the end of the
stream. Each goes whole, byte by byte (the dialog must ask for more at every step), and once for each entry with foreign
bytes behind it, which must stay unread and be noticed where the next command would have got them as its answer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from exporter.protocols import open_dialog
from exporter.protocols.dialog import Action, Dialog, Enter, Fail, Finished, NeedData, Send, StartTls
from exporter.results import Findings, TranscriptLine
from exporter.targets import Protocol, TlsMode

CLOSES: Final = None
EHLO_NAME: Final = "monitor.example.org"

# A complete line that none of the four protocols knows, and none lets a server say unasked.
FOREIGN: Final = b"999 foreign\r\n"

# More actions than any session has; a dialog that needs more goes round in circles.
ACTIONS_LIMIT: Final = 100

Said = bytes | None


@dataclass(frozen=True, slots=True)
class Heard:
    """What a dialog did: see `outline` for the words; `details` are those of its failures."""

    outline: tuple[str, ...]
    details: tuple[str, ...]
    findings: Findings
    transcript: tuple[TranscriptLine, ...]


class Conversation:
    """One dialog and what it has done so far, waiting left out."""

    def __init__(self, protocol: Protocol, tls: TlsMode) -> None:
        self.dialog: Dialog = open_dialog(protocol, tls, EHLO_NAME)
        self.actions: list[Action] = []

    def advance(self) -> bool:
        """Let the dialog act until it waits (true) or is finished (false)."""
        for action in self._new_actions():
            self.actions.append(action)
            if isinstance(action, StartTls):
                self.dialog.tls_established()
            if isinstance(action, Finished):
                assert self.dialog.next_action() == Finished(), "finished means finished"
                return False
        return True

    def _new_actions(self) -> Iterator[Action]:
        while not isinstance(action := self.dialog.next_action(), NeedData):
            assert len(self.actions) < ACTIONS_LIMIT, "the dialog does not come to an end"
            yield action

    def hear(self, said: Said) -> bool:
        """Give the dialog one entry at once; see `advance` for the answer."""
        if said is CLOSES:
            self.dialog.receive_eof()
        else:
            self.dialog.receive(said)
        return self.advance()

    def hear_bytewise(self, said: bytes) -> bool:
        """Give the dialog one entry byte by byte; before the last one it must not act."""
        for position in range(len(said) - 1):
            self.dialog.receive(said[position : position + 1])
            assert self.dialog.next_action() == NeedData(), f"acted on {said[: position + 1][-60:]!r}"
        return self.hear(said[-1:])

    def heard(self) -> Heard:
        details = tuple(action.detail for action in self.actions if isinstance(action, Fail))
        return Heard(outline(self.actions), details, self.dialog.findings(), self.dialog.transcript)


def outline(actions: list[Action]) -> tuple[str, ...]:
    """Actions in one word each: `= phase`, `> command`, `TLS`, `! outcome`, `end`; without `end` the dialog waits."""
    words = []
    for action in actions:
        match action:
            case Enter(phase):
                words.append(f"= {phase}")
            case Send(data):
                assert data.endswith(b"\r\n"), "a command is a whole line"
                words.append(f"> {data[:-2].decode('ascii')}")
            case StartTls():
                words.append("TLS")
            case Fail(outcome):
                words.append(f"! {outcome}")
            case Finished():
                words.append("end")
            case NeedData():
                raise AssertionError("waiting is no action")
    return tuple(words)


def converse(protocol: Protocol, tls: TlsMode, *said: Said) -> Heard:
    """Play the conversation all three ways, demand that they agree, and tell what happened."""
    whole = Conversation(protocol, tls)
    bytewise = Conversation(protocol, tls)
    assert whole.advance(), "a dialog waits for the greeting"
    assert bytewise.advance()
    for entry, what in enumerate(said):
        before = len(whole.actions)
        _with_foreign_bytes(protocol, tls, said[:entry], what)
        going_on = whole.hear(what)
        assert (bytewise.hear(what) if what is CLOSES else bytewise.hear_bytewise(what)) == going_on
        assert going_on or entry == len(said) - 1, f"finished before {said[entry + 1 :]}"
        assert going_on or len(whole.actions) > before
    assert bytewise.heard() == whole.heard()
    return whole.heard()


def converse_in_pieces(protocol: Protocol, tls: TlsMode, *said: Said) -> Heard:
    """Play the conversation one way only, each entry whole: for what depends on how the bytes were cut."""
    conversation = Conversation(protocol, tls)
    conversation.advance()
    for what in said:
        conversation.hear(what)
    return conversation.heard()


def _with_foreign_bytes(protocol: Protocol, tls: TlsMode, before: tuple[Said, ...], said: Said) -> None:
    """Play up to `said` and let foreign bytes come with it, in one piece."""
    if said is CLOSES:
        return
    plain = Conversation(protocol, tls)
    mixed = Conversation(protocol, tls)
    for conversation in (plain, mixed):
        conversation.advance()
        for entry in before:
            conversation.hear(entry)
    known = len(plain.actions)
    plain.hear(said)
    mixed.hear(said + FOREIGN)
    expected = outline(plain.actions[known:])
    found = outline(mixed.actions[known:])
    if not expected:
        # An entry that is no whole reply: the foreign line is the next one of it.
        return
    if expected[-1] == "end" or "= goodbye" in expected:
        # Nothing depends on the answer to a goodbye, so a wrong one ends the session in peace.
        assert found == (expected if expected[-1] == "end" else (*expected, "end"))
        return
    if expected[0] == "TLS":
        assert found == ("! starttls_plaintext_injected", "end")
    else:
        assert found == ("! protocol_error", "end")
    assert mixed.dialog.unread == FOREIGN, "foreign bytes are never used"
