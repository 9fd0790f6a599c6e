"""What a request of `/probe` asks, and what that means by the configuration: from parameters to targets.

`target` is a host, `host:port`, `[IPV6]:port` or `scheme://host:port`; `module` names a module; `max_age` is how old an
answer may be; `debug` wants words instead of samples. Pure: nothing is looked up or connected to.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from exporter.config import duration
from exporter.config.allow import Allowed
from exporter.config.fault import quoted
from exporter.config.hostname import MAX_NAME, host_complaint, identity, literal_family
from exporter.config.model import Config, Module
from exporter.config.wellknown import WELL_KNOWN
from exporter.targets import Service, Target

# Names of IANA's Service Name Registry; `smtps` is in none, and is how everybody called 465 before RFC 8314 §7.3.
SCHEMES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "smtp": 25,
        "submission": 587,
        "submissions": 465,
        "smtps": 465,
        "imap": 143,
        "imaps": 993,
        "pop3": 110,
        "pop3s": 995,
        "sieve": 4190,
    }
)

_PARAMETERS: Final = ("target", "module", "max_age", "debug")

# A name, the longest scheme with what separates it, brackets, and a port.
_LONGEST: Final = MAX_NAME + len("submissions://") + len("[]:65535")

_TARGET: Final = re.compile(
    r"(?:(?P<scheme>[^:/]*)://)?(?:\[(?P<literal>[^\[\]]*)\]|(?P<host>[^:]*))(?::(?P<port>[^:]*))?"
)

_WANTED: Final = "write HOST, HOST:PORT, [IPV6]:PORT or SCHEME://HOST:PORT"

_PORT: Final = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)

_TRUTH: Final = MappingProxyType({"true": True, "1": True, "false": False, "0": False})


class InquiryError(Exception):
    """A request that cannot be understood; the text is for the person who wrote it."""


class NotAllowed(Exception):
    """A request for a target that nobody named; the text is for the person who wrote it."""


@dataclass(frozen=True, slots=True)
class Aim:
    """A target as it was written, with a host that can be one; `None` is what was left out."""

    host: str
    port: int | None = None
    scheme: str | None = None


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A request. `module` empty: none was named. `max_age` in seconds; `None`: it was left to the configuration."""

    aim: Aim
    module: str = ""
    max_age: float | None = None
    debug: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be probed: the targets of one port of one host, one for each address family.

    Two requests that mean the same are equal, however they were written. `allowed` says where the host may lead;
    `None`: anywhere, since the administrator has written it down.
    """

    targets: tuple[Target, ...]
    allowed: Allowed | None

    @property
    def host(self) -> str:
        """As the label says it."""
        return self.targets[0].host

    @property
    def port(self) -> int:
        """Its number."""
        return self.targets[0].service.port


def parse_inquiry(pairs: Iterable[tuple[str, str]]) -> Inquiry:
    """Read the parameters of a request. Raises `InquiryError`."""
    given: dict[str, str] = {}
    for name, value in pairs:
        if name not in _PARAMETERS:
            raise InquiryError(f"unknown parameter {quoted(name)}, known are {', '.join(_PARAMETERS)}")
        if name in given:
            raise InquiryError(f"the parameter {name} is given twice")
        if len(value) > _LONGEST:
            raise InquiryError(f"the parameter {name} is longer than {_LONGEST} characters")
        given[name] = value
    if "target" not in given:
        raise InquiryError(f"the parameter target is missing: {_WANTED}")
    return Inquiry(
        parse_target(given["target"]), given.get("module", ""), _age(given.get("max_age")), _truth(given.get("debug"))
    )


def parse_target(text: str) -> Aim:
    """Read a target; `InquiryError` says what is wrong with it and how it is written."""
    # A literal without brackets has nothing behind it.
    form = None if literal_family(text) is not None else _TARGET.fullmatch(text)
    if form is None:
        return Aim(_host(text, text))
    scheme, literal, port = form["scheme"], form["literal"], form["port"]
    if scheme is not None and scheme.lower() not in SCHEMES:
        raise InquiryError(f"target {quoted(text)}: {quoted(scheme)} is no scheme, known are {', '.join(SCHEMES)}")
    if port is not None and not (_PORT.fullmatch(port) and int(port) <= 65535):
        raise InquiryError(f"target {quoted(text)}: {quoted(port)} is not a port number from 1 to 65535")
    if literal is not None and ":" not in literal:
        raise InquiryError(f"target {quoted(text)}: {quoted(literal)} is not an IPv6 address")
    host = _host(form["host"] if literal is None else literal, text)
    return Aim(host, None if port is None else int(port), None if scheme is None else scheme.lower())


def _host(host: str, text: str) -> str:
    if not host:
        raise InquiryError(f"target {quoted(text)} names no host: {_WANTED}")
    if (wrong := host_complaint(host)) is not None:
        raise InquiryError(f"target {quoted(text)}: the host {wrong}")
    return host


def _age(text: str | None) -> float | None:
    if text is None:
        return None
    if (seconds := duration.parsed(text)) is None:
        raise InquiryError(f"max_age {quoted(text)} is no duration such as 10s or 1m30s")
    return seconds


def _truth(text: str | None) -> bool:
    if text is None:
        return False
    if text not in _TRUTH:
        raise InquiryError(f"debug must be true or false, not {quoted(text)}")
    return _TRUTH[text]


class Directory:
    """What one configuration has to say about requests."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._allowed = Allowed.of(config.probe_allow)
        self._modules = {module.name: module for module in config.modules}
        self._configured: dict[tuple[str, int], list[Target]] = {}
        for target in config.targets:
            self._configured.setdefault((_spelling(target.host), target.service.port), []).append(target)

    def question(self, inquiry: Inquiry) -> Question:
        """What `inquiry` means. Raises `InquiryError` and `NotAllowed`."""
        aim = inquiry.aim
        module = self._module(inquiry.module)
        port = self._port(aim, module)
        configured = self._configured.get((_spelling(aim.host), port), [])
        if not configured and not self._allowed.may_ask(aim.host):
            raise NotAllowed(f"port {port} of {aim.host} is not configured, and probe_allow does not name the host")
        allowed = None if configured else self._allowed
        if configured and not module.name:
            return Question(self._as_configured(aim, module, configured), allowed)
        # As it is written in the configuration, so that a host is one host in all series.
        # Any other in one spelling: else each mixture of letter cases would be another question, with its own session.
        host = configured[0].host if configured else identity(aim.host)
        labels = configured[0].labels if configured else ()
        targets = self._targets(aim, module, port)
        return Question(tuple(replace(target, host=host, labels=labels) for target in targets), allowed)

    def _as_configured(self, aim: Aim, unnamed: Module, configured: Sequence[Target]) -> tuple[Target, ...]:
        service = configured[0].service
        if _speaks(service, aim.scheme):
            return tuple(configured)
        # The host is known; only what should be found is another thing than is configured.
        other = self._targets(aim, unnamed, service.port)[0]
        return tuple(replace(target, service=other.service, expectation=other.expectation) for target in configured)

    def _module(self, name: str) -> Module:
        module = self._modules.get(name)
        if module is None:
            known = ", ".join(one for one in self._modules if one) or "none"
            raise InquiryError(f"there is no module {quoted(name)}, the configuration has {known}")
        return module

    def _port(self, aim: Aim, module: Module) -> int:
        port = aim.port or (SCHEMES[aim.scheme] if aim.scheme else module.port)
        if port is None:
            raise InquiryError(f"target {quoted(aim.host)} names no port: {_WANTED}, or a module with a port")
        return port

    def _targets(self, aim: Aim, module: Module, port: int) -> tuple[Target, ...]:
        found = module.targets(port if aim.scheme is None else SCHEMES[aim.scheme])
        if not found:
            ways = "name a module with protocol and tls, or write SCHEME://HOST:PORT"
            raise InquiryError(f"port {port} is not well known: {ways}")
        spoken = found[0].service
        if not _speaks(spoken, aim.scheme):
            raise InquiryError(f"{aim.scheme} and the module {module.name} do not go together")
        service = replace(spoken, port=port)
        return tuple(replace(target, service=service) for target in _over(aim.host, found))


def _over(host: str, targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """All of them; of an address only that of its own family, whichever the module has."""
    own = literal_family(host)
    if own is None:
        return targets
    of_family = [target for target in targets if target.ip_family is own]
    target = of_family[0] if of_family else replace(targets[0], ip_family=own, source_address=None)
    return (replace(target, ip_families=(own,)),)


def _speaks(service: Service, scheme: str | None) -> bool:
    """Whether the service is what the scheme says, on whatever port."""
    if scheme is None:
        return True
    meant = WELL_KNOWN[SCHEMES[scheme]].service
    return (service.protocol, service.tls) == (meant.protocol, meant.tls)


def _spelling(host: str) -> str:
    """`identity`, without its cost for the many names of which it says nothing new."""
    return host.lower() if host.isascii() and ":" not in host else identity(host)
