"""The configuration as the rest of the exporter sees it: frozen, complete, and with the origin of every setting.

Values only, with the defaults of the daemon-wide settings.
"""

from dataclasses import dataclass

from exporter.targets import Target


@dataclass(frozen=True, slots=True)
class EffectiveSetting:
    """One setting as text, and where it came from: `port entry (conf.yml:12)`, `defaults (conf.yml:2)`, `built in`."""

    name: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class EffectivePort:
    """One port of a host or a reference with every setting that holds for it, and the place where it is named.

    common   the settings of all ports that are written alike, held once for them
    own      such as replace the common one of their name
    labels   such as stand behind all others
    """

    host: str
    port: int
    place: str
    common: tuple[EffectiveSetting, ...]
    own: tuple[EffectiveSetting, ...] = ()
    labels: tuple[EffectiveSetting, ...] = ()

    @property
    def settings(self) -> tuple[EffectiveSetting, ...]:
        """All of them, in the order of the table of keys."""
        own = {setting.name: setting for setting in self.own}
        return (*(own.get(setting.name, setting) for setting in self.common), *self.labels)


@dataclass(frozen=True, slots=True)
class Watch:
    """Which conclusions are drawn from several results; each can be switched off.

    stale_certificates  a port shows an older certificate than another one of its group
    tls_findings        STARTTLS is lost, mangled or broken, passwords or a whole session come before TLS
    suspected_bans      all ports of a host were lost at once while others answer
    lost_families       no port answers over one address family while one does over the other
    inferred_vantage    without references, a port that times out everywhere is blocked where this machine is
    """

    stale_certificates: bool = True
    tls_findings: bool = True
    suspected_bans: bool = True
    lost_families: bool = True
    inferred_vantage: bool = True


# What a mapping of the file says, by full key name, in the order of the file.
Written = tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class Module:
    """What a request of `/probe` chooses by name: targets of no host, of which it takes those of its port.

    name         empty: what holds for requests that name none
    place        where it is written
    port         for targets that name none; `None`: they must
    ports        by well-known port, one target for each address family
    other_ports  for every other port; empty where nobody said what is spoken there
    written      as it stands in the file
    settings     the same, with their places
    """

    name: str
    place: str
    port: int | None
    ports: tuple[tuple[int, tuple[Target, ...]], ...]
    other_ports: tuple[Target, ...] = ()
    written: Written = ()
    settings: tuple[EffectiveSetting, ...] = ()

    def targets(self, port: int) -> tuple[Target, ...]:
        """Those for one port; empty where nobody said what is spoken there."""
        return dict(self.ports).get(port, self.other_ports)


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that was configured.

    targets                as written: by host, then port, then address family
    nameservers            IP literals; empty: the system's
    max_sessions           sessions in flight, of all hosts together. A probe is a few sockets' worth of memory; two
                           hundred at once finish a thousand slow ports (30 s each) within three minutes
    min_gap                seconds between two sessions at one address
    sessions_per_address   sessions at one address at the same time
    first_round            seconds over which the first probes after a start are spread
    certificate_retention  seconds for which the last certificate seen stays exposed while probes fail
    capability_metrics     expose one series for each capability
    watch                  which conclusions are drawn
    references             targets that are known to answer: `Target.reference` is true, and they are no `targets`
    variant_interval       seconds between two handshakes of one variant at one target
    variant_gap            seconds between two such handshakes at one address
    address_grace          seconds for which an address that DNS no longer names is still probed
    probe_allow            what `/probe` may ask besides the targets, as written
    probe_max_age          seconds for which `/probe` answers with a result that it has; two Prometheus servers whose
                           scrapes are ten seconds apart share one session
    modules                what `/probe` can be told to expect; the first has no name
    defaults               the section as written, which modules and references take from
    settings               the daemon-wide settings with their origins
    ports                  the settings of every port, those of references included, with their origins
    files                  the files that were read, the main one first; empty for a command line
    """

    targets: tuple[Target, ...]
    nameservers: tuple[str, ...] = ()
    max_sessions: int = 200
    min_gap: float = 2.0
    sessions_per_address: int = 1
    first_round: float = 60.0
    certificate_retention: float = 86_400.0
    capability_metrics: bool = False
    watch: Watch = Watch()
    references: tuple[Target, ...] = ()
    variant_interval: float = 86_400.0
    variant_gap: float = 600.0
    address_grace: float = 600.0
    probe_allow: tuple[str, ...] = ()
    probe_max_age: float = 10.0
    modules: tuple[Module, ...] = ()
    defaults: Written = ()
    settings: tuple[EffectiveSetting, ...] = ()
    ports: tuple[EffectivePort, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def ca_files(self) -> frozenset[str | None]:
        """Every file with trusted roots that a probe may need; `None` stands for the system's."""
        # What holds without a module is for hosts that are not configured: a machine that has no roots of its own, and
        # needs none for its hosts, must not need them for nobody.
        used = [module for module in self.modules if module.name or self.probe_allow]
        of_ports = (target for module in used for _, targets in module.ports for target in targets)
        of_others = (target for module in used for target in module.other_ports)
        return frozenset(target.ca_file for target in (*self.targets, *self.references, *of_ports, *of_others))
