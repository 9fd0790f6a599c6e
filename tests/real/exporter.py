"""The installed command as a process of its own, until the end of the context."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real.waiting import wait_until

_LISTENING = re.compile(r"msg=listening address=http://(\S+)")

# Longer than the five seconds that a stop may take.
_STOP_SECONDS = 20.0


@contextmanager
def exporter(folder: Path, config: str) -> Iterator[str]:
    """`mailprobe run` on `config` (its text); yields the `host:port` at which it serves. `folder` is for its files."""
    file, log = folder / "mailprobe.yml", folder / "mailprobe.log"
    file.write_text(config)
    command = Path(sys.executable).with_name("mailprobe")
    arguments = (str(command), "run", f"--config.file={file}", "--web.listen-address=127.0.0.1:0")
    with log.open("w") as out:
        process = subprocess.Popen(arguments, stdout=out, stderr=subprocess.STDOUT)
    try:

        def is_listening() -> bool:
            assert process.poll() is None, log.read_text()
            return _LISTENING.search(log.read_text()) is not None

        wait_until(is_listening, log.read_text)
        found = _LISTENING.search(log.read_text())
        assert found is not None
        yield found[1]
    finally:
        process.terminate()
        code = process.wait(_STOP_SECONDS)
    assert code == 0, log.read_text()
