"""The dialogs, without any I/O: `dialog` says how one is driven, and here stands which one speaks which protocol."""

from exporter.protocols.dialog import Dialog
from exporter.protocols.imap import ImapDialog
from exporter.protocols.pop3 import Pop3Dialog
from exporter.protocols.sieve import SieveDialog
from exporter.protocols.smtp import SmtpDialog
from exporter.targets import Protocol, TlsMode


def open_dialog(protocol: Protocol, tls: TlsMode, ehlo_name: str) -> Dialog:
    """A new session at its greeting; only SMTP uses `ehlo_name`, and raises ValueError for one that cannot be sent."""
    match protocol:
        case Protocol.SMTP:
            return SmtpDialog(ehlo_name=ehlo_name, tls=tls)
        case Protocol.IMAP:
            return ImapDialog(tls=tls)
        case Protocol.POP3:
            return Pop3Dialog(tls=tls)
        case Protocol.SIEVE:
            return SieveDialog(tls=tls)
