"""Running the control programs of servers: short commands that must succeed."""

import subprocess

# `postfix stop` waits for its own processes, a few seconds at most.
_LIMIT_SECONDS = 30.0


def run(*arguments: str) -> str:
    """The standard output of a command; AssertionError with everything it said unless it ends well."""
    done = subprocess.run(
        arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_LIMIT_SECONDS, check=False
    )
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout
