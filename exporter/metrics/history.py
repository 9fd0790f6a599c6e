"""What a target went through: its last probes, the failures before them, and when its state changed.

A value that grows by one probe at a time and is bounded in every direction, in number and in bytes: a target that is
well remembers some 1 KiB, one whose server does its worst less than 128 KiB. Failures outlast successes: equal ones in
a row are one entry, however long an outage lasts, and only other failures ever push it out.

Pure, and in memory only. What the last probe found in detail stands in `state`; nothing here is exposed as a metric.
"""

from dataclasses import dataclass, replace
from math import isnan, nan
from struct import Struct
from typing import Final

from exporter.judgement.expectation import Judgement
from exporter.results import Outcome, Phase, ProbeResult, TranscriptLine
from exporter.targets import TlsMode

# At the usual interval of 120 s these are the last forty minutes, on port 25 (300 s) an hour and a half: long enough to
# see when a server became slow. Every one costs 32 bytes, whatever the target is like.
ATTEMPTS: Final = 20

# Runs of equal failures. Of a port that fails for a moment every hour they are those of sixteen hours, where its last
# attempts are those of forty minutes.
FAILURES: Final = 16

# Those of them of which the dialog is kept: enough to see whether a failure is always the same one.
FAILED_DIALOGS: Final = 3

# A port that comes and goes changes twice each time: five outages with their ends.
CHANGES: Final = 10

# Bytes of memory of one dialog. A session with an upgrade has some sixty lines, which take ten thousand; a server that
# fills two hundred lines of 512 bytes is cut here.
DIALOG_BYTES: Final = 16 * 1024

# Characters of a detail, as many as a line of a dialog may have: no honest one comes near.
DETAIL_LIMIT: Final = 512

# A line beside its characters: two objects and a place in the dialog. Where a line was cut, the ellipsis makes each
# of its characters take two bytes, which is left aside.
_LINE_BYTES: Final = 112

_OUTCOMES: Final = tuple(Outcome)
_PHASES: Final = tuple(Phase)
_OUTCOME_CODES: Final = {outcome: code for code, outcome in enumerate(_OUTCOMES)}
_PHASE_CODES: Final = {phase: code for code, phase in enumerate(_PHASES)}
_SUCCESSES: Final = (None, False, True)
# The handshake comes right after the connection.
_IMPLICIT_ORDER: Final = (
    *(Phase.RESOLVE, Phase.CONNECT, Phase.TLS),
    *(phase for phase in Phase if phase not in (Phase.RESOLVE, Phase.CONNECT, Phase.TLS)),
)

# When it began, how long it took, outcome, phase, success, whether TLS is implicit, and the time of each phase: as
# objects, these numbers would take ten times as much. Times are half-precision floats (IEEE 754 binary16), which hold
# eleven binary digits; a chart of latencies shows fewer.
_ATTEMPT: Final = Struct(f"<deBBBB{len(_PHASES)}e")
# Half of them are one object, in its full size before the first one: what grows by each probe leaves holes behind in
# the process's memory, half a kibibyte for each target in all. All in one would be beyond the 512 bytes that Python
# sets aside among its own (SMALL_REQUEST_THRESHOLD of its obmalloc.c), and lie between what OpenSSL needs for a
# handshake, which is then all over the memory, where no cache has it.
_NO_ATTEMPTS: Final = bytes(ATTEMPTS // 2 * _ATTEMPT.size)
# The largest of them; no probe takes eighteen hours.
_LONGEST: Final = 65504.0
# Half of the last of eleven binary digits is a part in 4096 at most, so four decimal ones tell all there is to know.
_DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class Attempt:
    """One probe, as much as is remembered of it.

    started    Unix seconds
    duration   seconds, right to a part in two thousand, as are all durations
    outcome    as judged, and so are `phase`, `success` and `detail`
    durations  seconds of each phase that was completed, in the order of the session
    """

    started: float
    duration: float
    outcome: Outcome
    phase: Phase
    success: bool | None
    durations: tuple[tuple[Phase, float], ...]
    detail: str

    @property
    def greeting_latency(self) -> float | None:
        """Seconds until the greeting was complete; `None` where it never was."""
        return dict(self.durations).get(Phase.GREETING)


@dataclass(frozen=True, slots=True)
class KeptDialog:
    """What was said in one session.

    started   Unix seconds at which the probe began
    left_out  how many lines are missing at the end, because all together are too long
    """

    started: float
    outcome: Outcome
    phase: Phase
    lines: tuple[TranscriptLine, ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """Failures in a row that were all alike: one outcome, in one phase, for one reason.

    first   Unix seconds at which the first of them began
    last    Unix seconds at which the newest of them began
    count   how many they were
    dialog  what was said in the newest; `None` where nothing was, and of a failure that is long ago
    """

    outcome: Outcome
    phase: Phase
    detail: str
    first: float
    last: float
    count: int = 1
    dialog: KeptDialog | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Where another state began; a state is outcome and success.

    since          Unix seconds at which the first probe that found it began
    phase, detail  of that probe
    """

    since: float
    outcome: Outcome
    success: bool | None
    phase: Phase
    detail: str


@dataclass(frozen=True, slots=True)
class History:
    """Everything that is remembered of one target. All is in the order of time, the newest at the end.

    older, newer  the last probes, half of them each, in 32 bytes and zeros before the first; `attempts` unpacks them
    details       what was said about the newest of them; those before these had nothing to say
    last_success  the dialog of the last successful probe that had one; a closed port says nothing
    """

    older: bytes = _NO_ATTEMPTS
    newer: bytes = _NO_ATTEMPTS
    details: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    changes: tuple[Change, ...] = ()
    last_success: KeptDialog | None = None

    def after(self, result: ProbeResult, judgement: Judgement) -> "History":
        """With one more ordinary probe."""
        detail = self._shared(judgement.detail[:DETAIL_LIMIT])
        # Nearly always there is nothing to say, and then nothing is kept.
        details = (*self.details, detail)[-ATTEMPTS:] if detail or self.details else ()
        failed = judgement.exists and judgement.success is False
        return History(
            older=self.older[_ATTEMPT.size :] + self.newer[: _ATTEMPT.size],
            newer=self.newer[_ATTEMPT.size :] + _packed(result, judgement),
            details=details if any(details) else (),
            failures=self._failed(result, judgement, detail) if failed else self.failures,
            changes=self._changed(result, judgement, detail),
            last_success=self._succeeded(result, judgement)
            if judgement.success and result.transcript
            else self.last_success,
        )

    def attempts(self) -> tuple[Attempt, ...]:
        """The last probes, at most `ATTEMPTS`."""
        packed = self.older + self.newer
        starts = [at for at in range(0, len(packed), _ATTEMPT.size) if any(packed[at : at + _ATTEMPT.size])]
        details = ("",) * (len(starts) - len(self.details)) + self.details
        return tuple(_attempt(packed, start, detail) for start, detail in zip(starts, details, strict=True))

    def dialogs(self) -> tuple[KeptDialog, ...]:
        """Every dialog that is kept: of the last success, and of the newest failures."""
        kept = [failure.dialog for failure in self.failures if failure.dialog is not None]
        if self.last_success is not None:
            kept.append(self.last_success)
        return tuple(sorted(kept, key=lambda dialog: dialog.started))

    def _shared(self, detail: str) -> str:
        """The same text as the one before, where they are equal: in an outage each failure says it anew."""
        before = self.details[-1] if self.details else ""
        return before if before == detail else detail

    def _unchanged(self, judgement: Judgement) -> bool:
        last = self.changes[-1] if self.changes else None
        return last is not None and (last.outcome, last.success) == (judgement.outcome, judgement.success)

    def _changed(self, result: ProbeResult, judgement: Judgement, detail: str) -> tuple[Change, ...]:
        if self._unchanged(judgement):
            return self.changes
        change = Change(result.started, judgement.outcome, judgement.success, judgement.phase, detail)
        return (*self.changes, change)[-CHANGES:]

    def _succeeded(self, result: ProbeResult, judgement: Judgement) -> KeptDialog:
        """The dialog of a success. The very lines of the one before are not measured again: they are all there."""
        last = self.last_success
        if last is not None and result.transcript is last.lines:
            return KeptDialog(result.started, judgement.outcome, judgement.phase, last.lines)
        return _dialog(result, judgement)

    def _failed(self, result: ProbeResult, judgement: Judgement, detail: str) -> tuple[Failure, ...]:
        dialog = _dialog(result, judgement) if result.transcript else None
        before = self.failures[-1] if self.failures and self._unchanged(judgement) else None
        same = (judgement.outcome, judgement.phase, detail)
        if before is not None and (before.outcome, before.phase, before.detail) == same:
            again = replace(before, last=result.started, count=before.count + 1, dialog=dialog)
            return (*self.failures[:-1], again)
        anew = Failure(judgement.outcome, judgement.phase, detail, result.started, result.started, dialog=dialog)
        kept = (*self.failures, anew)[-FAILURES:]
        silent = (replace(one, dialog=None) if one.dialog else one for one in kept[:-FAILED_DIALOGS])
        return (*silent, *kept[-FAILED_DIALOGS:])


def _packed(result: ProbeResult, judgement: Judgement) -> bytes:
    times = [nan] * len(_PHASES)
    for phase, seconds in result.durations:
        times[_PHASE_CODES[phase]] = min(seconds, _LONGEST)
    return _ATTEMPT.pack(
        result.started,
        min(result.duration, _LONGEST),
        _OUTCOME_CODES[judgement.outcome],
        _PHASE_CODES[judgement.phase],
        _SUCCESSES.index(judgement.success),
        result.target.service.tls is TlsMode.IMPLICIT,
        *times,
    )


def _attempt(packed: bytes, start: int, detail: str) -> Attempt:
    started, duration, outcome, phase, success, implicit, *times = _ATTEMPT.unpack_from(packed, start)
    order = _IMPLICIT_ORDER if implicit else _PHASES
    taken = ((each, times[_PHASE_CODES[each]]) for each in order)
    return Attempt(
        started=started,
        duration=_rounded(duration),
        outcome=_OUTCOMES[outcome],
        phase=_PHASES[phase],
        success=_SUCCESSES[success],
        durations=tuple((each, _rounded(seconds)) for each, seconds in taken if not isnan(seconds)),
        detail=detail,
    )


def _rounded(seconds: float) -> float:
    return float(f"{seconds:.{_DIGITS}g}")


def _dialog(result: ProbeResult, judgement: Judgement) -> KeptDialog:
    lines, room = result.transcript, DIALOG_BYTES
    for number, line in enumerate(lines):
        room -= _LINE_BYTES + len(line.text)
        if room < 0:
            lines = lines[:number]
            break
    left_out = len(result.transcript) - len(lines)
    return KeptDialog(result.started, judgement.outcome, judgement.phase, lines, left_out)
