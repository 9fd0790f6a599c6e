"""The capabilities that may become label values: a closed list for each protocol.

What a server calls its capabilities is its own choice, so a name outside these lists never becomes a label. The names
are those of IANA's registries (SMTP Service Extensions, IMAP Capabilities, POP3 Extension Mechanism, ManageSieve
Capabilities) that administrators ask about, and those that common servers add (XCLIENT, AUTH=XOAUTH2).
"""

from collections.abc import Iterable, Mapping

from exporter.results import Capability
from exporter.targets import Protocol


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


KNOWN: Mapping[Protocol, frozenset[str]] = {
    Protocol.SMTP: _names(
        """
        8BITMIME AUTH BINARYMIME BURL CHUNKING DELIVERBY DSN ENHANCEDSTATUSCODES ETRN EXPN FUTURERELEASE HELP
        LIMITS MT-PRIORITY PIPELINING REQUIRETLS RRVS SIZE SMTPUTF8 STARTTLS VRFY XCLIENT XFORWARD
        """
    ),
    # RFC 9051 §6.1.1: an authentication mechanism is part of the name, so the common ones are listed.
    Protocol.IMAP: _names(
        """
        ACL AUTH=CRAM-MD5 AUTH=EXTERNAL AUTH=GSSAPI AUTH=LOGIN AUTH=OAUTHBEARER AUTH=PLAIN AUTH=SCRAM-SHA-1
        AUTH=SCRAM-SHA-256 AUTH=XOAUTH2 BINARY CATENATE CHILDREN COMPRESS=DEFLATE CONDSTORE ENABLE ESEARCH ID
        IDLE IMAP4REV1 IMAP4REV2 LIST-EXTENDED LIST-STATUS LITERAL+ LITERAL- LOGINDISABLED METADATA MOVE
        MULTIAPPEND NAMESPACE NOTIFY OBJECTID PREVIEW QRESYNC QUOTA SASL-IR SAVEDATE SEARCHRES SORT SPECIAL-USE
        STARTTLS STATUS=SIZE THREAD=REFERENCES UIDPLUS UNSELECT UTF8=ACCEPT WITHIN
        """
    ),
    Protocol.POP3: _names(
        """
        AUTH-RESP-CODE EXPIRE IMPLEMENTATION LANG LOGIN-DELAY PIPELINING RESP-CODES SASL STLS TOP UIDL USER UTF8
        """
    ),
    Protocol.SIEVE: _names(
        """
        IMPLEMENTATION LANGUAGE MAXREDIRECTS NOTIFY OWNER RENAME SASL SIEVE STARTTLS UNAUTHENTICATE VERSION
        """
    ),
}


def recognised(protocol: Protocol, offered: Iterable[Capability]) -> list[str]:
    """The names in `offered` that are on the list, each once, in alphabetical order."""
    return sorted({capability.name for capability in offered} & KNOWN[protocol])
