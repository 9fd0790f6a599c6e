"""Terms: what holds for a port whatever its host is called, put together once for all ports that are written alike.

Of forty thousand hosts nearly all say nothing of their own but their names. To look up thirty settings in four layers
for each of their ports took most of the time of reading a file, and most of the memory that stayed.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from exporter.config import key
from exporter.config.entry import HOST_TITLE, PORT_TITLE, PortEntry
from exporter.config.layer import Choice, Chosen, Layer, written
from exporter.config.model import EffectivePort, EffectiveSetting
from exporter.config.port import Host
from exporter.targets import PortState, Target

# What is filled in for each host, so that it makes no difference how it reads.
_FILLED_IN = frozenset({key.HOST_NAME.name, key.SERVER.name, key.LABEL_SET.name, key.PORT.name})


@dataclass(frozen=True, slots=True)
class Terms:
    """What ports that are written alike have in common.

    targets        of one of the ports; all but what is filled in holds for the others
    common         its settings
    own            those of them that are written at the host or at the port, or follow from the host's name
    group_is_host  the certificate group is one that does
    """

    targets: tuple[Target, ...]
    common: tuple[EffectiveSetting, ...]
    own: tuple[Chosen, ...]
    group_is_host: bool

    def targets_of(self, host: Host, port: PortEntry) -> list[Target]:
        """The targets of `port`."""
        name = host.entry.host
        server = port.layer.find(key.SERVER) or host.entry.layer.find(key.SERVER)
        server_name = None if server is None else server.value
        return [
            replace(
                target,
                host=name,
                server_name=server_name,
                labels=host.labels.pairs,
                certificate_group=host.identity if self.group_is_host else target.certificate_group,
            )
            for target in self.targets
        ]

    def settings_of(self, host: Host, port: PortEntry, place: str) -> EffectivePort:
        """The settings of `port`, which is named at `place`."""
        own = tuple(self._own(setting, host, port) for setting in self.own)
        return EffectivePort(host.entry.host, port.number, place, self.common, own, host.labels.settings)

    def _own(self, chosen: Chosen, host: Host, port: PortEntry) -> EffectiveSetting:
        if chosen.setting.place is None:
            return EffectiveSetting(chosen.name, host.identity, chosen.setting.origin)
        layer = port.layer if chosen.setting.layer == PORT_TITLE else host.entry.layer
        value, place = layer.values[chosen.name]
        text = written(value) if chosen.name == key.SERVER.name else chosen.setting.value
        return EffectiveSetting(chosen.name, text, replace(chosen.setting, place=place).origin)


def terms_of(targets: Sequence[Target], choice: Choice) -> Terms:
    """What the ports have in common that are written like the one that `targets` and `choice` are of."""
    own = tuple(chosen for chosen in choice.chosen if _is_own(chosen))
    return Terms(tuple(targets), choice.settings, own, any(chosen.setting.place is None for chosen in own))


def _is_own(chosen: Chosen) -> bool:
    if chosen.name == key.CERTIFICATE_GROUP.name and chosen.setting.place is None:
        return True
    return chosen.setting.layer in {HOST_TITLE, PORT_TITLE}


def written_alike(host: Host, port: PortEntry, state: PortState) -> Hashable:
    """Equal for two ports to which the same terms apply, with the same defaults."""
    return port.number, state, host.literal, _said(host.entry.layer), _said(port.layer)


def _said(layer: Layer) -> tuple[tuple[str, object], ...]:
    return tuple((name, None if name in _FILLED_IN else value) for name, (value, _) in layer.values.items())
