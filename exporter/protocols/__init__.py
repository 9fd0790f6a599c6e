"""The dialogs, without any I/O: `dialog` says how one is driven, and here stands which one speaks which protocol."""

from exporter.protocols.dialog import Dialog
from exporter.protocols.imap import ImapDialog
from exporter.protocols.pop3 import Pop3Dialog
from exporter.protocols.sieve import SieveDialog
from exporter.protocols.smtp import SmtpDialog
from exporter.targets import Protocol, TlsMode

# The protocols in which a client does not introduce itself.
_NAMELESS: dict[Protocol, type[ImapDialog | Pop3Dialog | SieveDialog]] = {
    Protocol.IMAP: ImapDialog,
    Protocol.POP3: Pop3Dialog,
    Protocol.SIEVE: SieveDialog,
}


def open_dialog(protocol: Protocol, tls: TlsMode, ehlo_name: str) -> Dialog:
    """A new session at its greeting; only SMTP uses `ehlo_name`, and raises ValueError for one that cannot be sent."""
    if protocol is Protocol.SMTP:
        return SmtpDialog(ehlo_name=ehlo_name, tls=tls)
    return _NAMELESS[protocol](tls=tls)
