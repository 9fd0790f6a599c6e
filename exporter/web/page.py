"""The pages: from the states of all targets to HTML documents.

Rendered on the server and whole; the script only replaces parts of a page by the same parts of a newer one. What a mail
server said is shown as text, never as markup: the templates escape every value, and what cannot be seen is made visible
before.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from exporter.judgement.vantage import Vantage
from exporter.metrics.state import HostState, TargetState
from exporter.web.asset import ASSETS
from exporter.web.chart import HEIGHT
from exporter.web.expiry import certificates
from exporter.web.host import target_card
from exporter.web.matrix import matrix
from exporter.web.notice import notices
from exporter.web.question import Question, by_host, found, stretch
from exporter.web.row import groups, labels_of, open_addresses
from exporter.web.standing import Standing, standing
from exporter.web.wording import clock, instant, visible

# Counted even when there are none: 'failing 0' is what most readers come for.
_ALWAYS = frozenset({Standing.FAILING, Standing.OK, Standing.CLOSED, Standing.PENDING})

# As much as a page may hold before a phone becomes slow: some thousand cells.
HOSTS_SHOWN = 50
ROWS_SHOWN = 100
CERTIFICATES_SHOWN = 100
TARGETS_SHOWN = 20

# Above the overview: enough for one outage; of a larger one the page of the failing tells everything.
FAILING_SHOWN = 6
ENDING_SHOWN = 5

_EVERYTHING = Question()

_environment = Environment(
    loader=PackageLoader("exporter.web"),
    autoescape=True,
    finalize=visible,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything the pages show, taken at one moment. `mark`: where the stream of changes was then."""

    version: str
    now: float
    states: Sequence[TargetState]
    progress: tuple[int, int]
    question: Question = _EVERYTHING
    hosts: Sequence[HostState] = ()
    vantages: Sequence[Vantage] = ()
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Count:
    """How many targets stand so; `standing` None: all of them. `link` shows these and no others."""

    standing: Standing | None
    number: int
    link: str


def render_status(snapshot: Snapshot) -> str:
    """The status page as HTML: counts, what fails, certificates that end, and the overview or the list asked for.

    Costs about 2 µs a target and 40 µs for each that is shown: not for the event loop when there are thousands.
    """
    question, now = snapshot.question, snapshot.now
    matching = found(snapshot.states, question.words)
    standings = [standing(state) for state in matching]
    failing = [state for state, which in zip(matching, standings, strict=True) if which is Standing.FAILING]
    # Where a state is asked for, the list of them says everything that these two would.
    overview = question.only is None
    members = stretch(tuple(by_host(matching).items()) if overview else (), question.page, HOSTS_SHOWN)
    wanted = [state for state, which in zip(matching, standings, strict=True) if which is question.only]
    listed = stretch(wanted, question.page, ROWS_SHOWN)
    newest = sorted(failing, key=lambda state: state.since or 0.0, reverse=True) if overview else []
    ending = [line for line in certificates(matching, now) if line.end.mood != "good"] if overview else []
    return _rendered(
        "status.html",
        snapshot,
        counts=_counts(question, standings),
        failing=len(failing),
        notices=notices(snapshot.hosts, snapshot.vantages, snapshot.states, now),
        broken=groups(newest[:FAILING_SHOWN], snapshot.hosts, now),
        broken_more=max(0, len(newest) - FAILING_SHOWN),
        ending=ending[:ENDING_SHOWN],
        ending_more=max(0, len(ending) - ENDING_SHOWN),
        overview=overview,
        matrix=matrix(members.items, question.rows, now),
        groups=groups(listed.items, snapshot.hosts, now),
        stretch=members if overview else listed,
        things="hosts" if overview else "targets",
    )


def render_certificates(snapshot: Snapshot) -> str:
    """The page of all certificates by their end, as HTML."""
    question = snapshot.question
    lines = certificates(found(snapshot.states, question.words), snapshot.now)
    shown = stretch(lines, question.page, CERTIFICATES_SHOWN)
    return _rendered("certificates.html", snapshot, lines=shown.items, stretch=shown, things="certificates")


def render_host(snapshot: Snapshot, host: str) -> str | None:
    """The page of one host as HTML; `None` where no such host is configured."""
    states = [state for state in snapshot.states if state.target.host == host]
    if not states:
        return None
    now = snapshot.now
    hosts = [one for one in snapshot.hosts if one.host == host]
    shown = stretch(states, snapshot.question.page, TARGETS_SHOWN)
    addresses = open_addresses(hosts)
    tally = Counter(standing(state) for state in states)
    return _rendered(
        "host.html",
        snapshot,
        root="../",
        host=host,
        labels=labels_of(states[0]),
        failing=tally[Standing.FAILING],
        tally=[(which, tally[which]) for which in Standing if tally[which]],
        notices=notices(hosts, (), states, now),
        addresses=_resolved(hosts),
        cards=[target_card(state, addresses, now) for state in shown.items],
        chart_height=HEIGHT,
        stretch=shown,
        things="targets",
    )


def _rendered(template: str, snapshot: Snapshot, **values: object) -> str:
    done, total = snapshot.progress
    return _environment.get_template(template).render(
        {
            "root": "",
            "version": snapshot.version,
            "assets": ASSETS,
            "clock": clock(snapshot.now),
            "instant": instant(snapshot.now),
            "mark": snapshot.mark,
            "done": done,
            "total": total,
            "question": snapshot.question,
            **values,
        }
    )


def _counts(question: Question, standings: Sequence[Standing]) -> list[Count]:
    tally = Counter(standings)
    shown = [which for which in Standing if which in _ALWAYS or tally[which] or which is question.only]
    everything = Count(None, len(standings), question.of_all())
    return [everything, *(Count(which, tally[which], question.of_state(which)) for which in shown)]


def _resolved(hosts: Sequence[HostState]) -> tuple[str, ...]:
    """The addresses that DNS named last."""
    resolution = hosts[0].resolution if hosts else None
    return (*(resolution.ipv4 or ()), *(resolution.ipv6 or ())) if resolution else ()
