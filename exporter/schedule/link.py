"""One end of the socket between two processes of this program: messages in both directions, in order.

A frame is the length of a pickle in four bytes and the pickle of a list of messages. What is said in one turn of the
loop goes in one frame: a busy process then pays once for many messages. Pickles are read from our own processes only.
"""

import asyncio
import pickle
from collections.abc import Callable
from typing import Final

from exporter.batch import Batch
from exporter.schedule.message import Message

_LENGTH_BYTES: Final = 4


class Link(asyncio.Protocol):
    """Hands every message to `receive`, and calls `lost` once when the other side has gone; both on the loop."""

    def __init__(self, receive: Callable[[Message], None], lost: Callable[[], None]) -> None:
        self._receive = receive
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._incoming = bytearray()
        self._outgoing: Batch[Message] = Batch(self._write)
        # How many have arrived so far: a sign of life.
        self.frames = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # a stream's can write
        self._transport = transport

    def send(self, message: Message) -> None:
        """Say it at the end of this turn of the loop; nothing happens where nobody listens any more."""
        self._outgoing.add(message)

    def end(self) -> None:
        """Say what is still to be said, and nothing after it; the other side can go on until it ends as well."""
        self._outgoing.close()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()

    def close(self) -> None:
        """Hear and say nothing more."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        incoming = self._incoming
        incoming += data
        while len(incoming) >= _LENGTH_BYTES:
            end = _LENGTH_BYTES + int.from_bytes(incoming[:_LENGTH_BYTES], "big")
            if len(incoming) < end:
                return
            messages: list[Message] = pickle.loads(incoming[_LENGTH_BYTES:end])
            del incoming[:end]
            self.frames += 1
            for message in messages:
                self._receive(message)

    def connection_lost(self, error: Exception | None) -> None:
        self._lost()

    def _write(self, messages: list[Message]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            data = pickle.dumps(messages, pickle.HIGHEST_PROTOCOL)
            self._transport.write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)
