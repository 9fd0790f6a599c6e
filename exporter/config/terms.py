"""Terms: what holds for a port whatever its host is called, put together once for all ports that are written alike.

Of forty thousand hosts nearly all say nothing of their own but their names. To look up thirty settings in four layers
for each of their ports took most of the time of reading a file, and most of the memory that stayed.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from exporter.config import key
from exporter.config.certificate import NO_GROUP
from exporter.config.entry import HOST_TITLE, PORT_TITLE, PortEntry
from exporter.config.layer import Choice, Chosen, Layer, Setting, written
from exporter.config.model import EffectivePort, EffectiveSetting
from exporter.config.port import Host
from exporter.targets import PortState, Target

# Texts that may be other ones for every host, and are filled in as they are written.
_NAMES = frozenset({key.SERVER.name, key.CERTIFICATE_GROUP.name})
# What is filled in, so that it makes no difference how it reads.
_FILLED_IN = frozenset({key.HOST_NAME.name, key.SERVER.name, key.LABEL_SET.name, key.PORT.name})


@dataclass(frozen=True, slots=True)
class Terms:
    """What ports that are written alike have in common.

    targets  of one of the ports; all but what is filled in holds for the others
    common   its settings
    own      those of them that are written at the host or at the port, or follow from the host's name
    """

    targets: tuple[Target, ...]
    common: tuple[EffectiveSetting, ...]
    own: tuple[Chosen, ...]

    def filled_in(self, host: Host, port: PortEntry, place: str) -> tuple[list[Target], EffectivePort]:
        """The targets and the settings of `port`, which is named at `place`."""
        name = host.entry.host
        own = tuple(self._own(chosen, host, port) for chosen in self.own)
        texts = {setting.name: setting.value for setting in own}
        group = texts.get(key.CERTIFICATE_GROUP.name)
        targets = [
            replace(
                target,
                host=name,
                server_name=texts.get(key.SERVER.name),
                labels=host.labels.pairs,
                # A group that is written may be the word for none.
                certificate_group=target.certificate_group and (group or target.certificate_group),
            )
            for target in self.targets
        ]
        return targets, EffectivePort(name, port.number, place, self.common, own, host.labels.settings)

    def _own(self, chosen: Chosen, host: Host, port: PortEntry) -> EffectiveSetting:
        if chosen.setting.place is None:
            return EffectiveSetting(chosen.name, host.identity, chosen.setting.origin)
        layer = port.layer if chosen.setting.layer == PORT_TITLE else host.entry.layer
        value, place = layer.values[chosen.name]
        text = written(value) if chosen.name in _NAMES else chosen.setting.value
        return EffectiveSetting(chosen.name, text, Setting(text, layer.title, place).origin)


def terms_of(targets: Sequence[Target], choice: Choice) -> Terms:
    """What the ports have in common that are written like the one that `targets` and `choice` are of."""
    return Terms(tuple(targets), choice.settings, tuple(chosen for chosen in choice.chosen if _is_own(chosen)))


def _is_own(chosen: Chosen) -> bool:
    if chosen.name == key.CERTIFICATE_GROUP.name and chosen.setting.place is None:
        return True
    return chosen.setting.layer in {HOST_TITLE, PORT_TITLE}


def written_alike(host: Host, port: PortEntry, state: PortState) -> Hashable:
    """Equal for two ports to which the same terms apply, with the same defaults."""
    return port.number, state, host.literal, _said(host.entry.layer), _said(port.layer)


def _said(layer: Layer) -> tuple[tuple[str, object], ...]:
    return tuple((name, _distinct(name, value)) for name, (value, _) in layer.values.items())


def _distinct(name: str, value: object) -> object:
    """As much of a value as makes a difference to what is not filled in."""
    if name == key.CERTIFICATE_GROUP.name:
        return value == NO_GROUP
    return None if name in _FILLED_IN else value
