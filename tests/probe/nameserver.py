"""A name server on loopback that answers what a test tells it, and counts the questions."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

# A name and a record type, to the records in the answer section or a response code; `None` is silence.
Answers = dict[tuple[str, str], list[dns.rrset.RRset] | dns.rcode.Rcode | None]


def records(name: str, ttl: int, kind: str, *values: str) -> dns.rrset.RRset:
    """A set of records for an answer."""
    return dns.rrset.from_text(f"{name}.", ttl, "IN", kind, *values)


class NameServer(asyncio.DatagramProtocol):
    """`async with NameServer(answers) as server:` answers on 127.0.0.1, `server.port`. Unknown names do not exist."""

    def __init__(self, answers: Answers, authority: tuple[dns.rrset.RRset, ...] = ()) -> None:
        """`authority`: what stands in that section of every answer without a record."""
        self.answers = answers
        self.authority = authority
        self.questions: list[tuple[str, str]] = []
        self.on_question: Callable[[], None] | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, ("127.0.0.1", 0))
        self.port: int = self._transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        asked = (question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype))
        self.questions.append(asked)
        if self.on_question is not None:
            self.on_question()
        answer = self.answers.get(asked, dns.rcode.NXDOMAIN)
        if answer is None:
            return
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if isinstance(answer, list):
            response.answer.extend(answer)
            response.authority.extend(() if answer else self.authority)
        else:
            response.set_rcode(answer)
        self._transport.sendto(response.to_wire(), addr)
