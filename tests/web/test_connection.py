"""A connection of the pages, on a pair of sockets."""

import asyncio
import socket
from contextlib import closing

from aiohttp import web

from exporter.web.connection import Connection, Limits, Outbox

# More than the kernel keeps for a client that does not read.
MUCH = b"x" * 4_000_000


async def nobody_asks(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response()


async def test_a_connection_that_ended_after_it_was_closed_can_still_be_told_to_end() -> None:
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    limits = Limits()
    connection = Connection(web.Server(nobody_asks), limits, Outbox(limits.held))
    with closing(theirs):
        transport, _ = await loop.create_connection(lambda: connection, sock=ours)
        transport.write(MUCH)
        # Closed with something on its way, all of which the client takes after all.
        transport.close()
        while await loop.sock_recv(theirs, len(MUCH)):
            pass
        connection.cut()
        connection.cut()


async def test_what_a_client_has_not_taken_is_dropped_when_its_connection_is_cut() -> None:
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    limits = Limits()
    connection = Connection(web.Server(nobody_asks), limits, Outbox(limits.held))
    taken = 0
    with closing(theirs):
        transport, _ = await loop.create_connection(lambda: connection, sock=ours)
        transport.write(MUCH)
        transport.close()
        connection.cut()
        while piece := await loop.sock_recv(theirs, len(MUCH)):
            taken += len(piece)
    assert taken < len(MUCH)
