"""File descriptors: whether there are enough for all the connections that may be served.

Each connection takes one, and so does each probe. A process begins with 1024 almost everywhere, for the sake of old
programs that use select(2), and may take more by itself up to the hard limit (getrlimit(2)).
"""

import resource


def affordable(connections: int) -> int:
    """How many of so many HTTP connections there are descriptors for; the soft limit is raised if that helps.

    Half of all are left to the probes and to the rest.
    """
    limit = _raised(2 * connections)
    return connections if limit is None else min(connections, limit // 2)


def _raised(wanted: int) -> int | None:
    """The soft limit after an attempt to raise it to `wanted`; `None`: there is no limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    aim = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if aim > soft:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (aim, hard))
        except (OSError, ValueError):
            # A system may allow less than its hard limit says.
            return soft
        return aim
    return soft
