"""Every host whose trouble is TLS is in the state it promises: its certificates, and the way into TLS."""

import asyncio
import imaplib
import poplib
import ssl
from datetime import timedelta

import pytest
from cryptography import x509

from exporter.config.model import Config
from exporter.config.wellknown import WELL_KNOWN
from exporter.demo.host import PORT_OFFSET
from exporter.demo.hosts import Demo
from exporter.targets import Protocol, Target, TlsMode, Variant
from tests.demo.clients import PATIENCE, connected, read_line, trusting, unverified
from tests.demo.visit import address, certificate, ends_in, parsed, smtp, upgrade

DAY = timedelta(days=1)


def secured_session(demo: Demo, target: Target, trusted: str) -> str | None:
    """Connect to one port, upgrade where that is its way, and verify; returns the version of TLS."""
    context = trusting(trusted, target.host)
    with connected(target.service.port, demo.addresses[target.host][0]) as sock:
        if target.service.tls is TlsMode.STARTTLS:
            upgrade(sock, target.service.protocol)
        with context.wrap_socket(sock) as secured:
            return secured.version()


async def test_every_port_of_the_healthy_host_encrypts_with_a_certificate_that_holds(
    demo: Demo, config: Config, trusted: str
) -> None:
    targets = [target for target in config.targets if target.host == "healthy.mail.example"]
    assert {target.service.port - PORT_OFFSET for target in targets} == set(WELL_KNOWN)
    for target in targets:
        assert await asyncio.to_thread(secured_session, demo, target, trusted) == "TLSv1.3"


async def test_the_certificate_of_the_expiring_host_ends_in_five_days(demo: Demo) -> None:
    for port in (465, 993):
        assert ends_in(await asyncio.to_thread(certificate, demo, "expiring", port)) == 5 * DAY


async def test_the_certificate_of_the_expired_host_is_refused_as_expired(demo: Demo, trusted: str) -> None:
    def session() -> str:
        with smtp(demo, "expired", 587) as client, pytest.raises(ssl.SSLCertVerificationError) as refused:
            client.starttls(context=trusting(trusted, "expired.mail.example"))
        return refused.value.verify_message

    assert ends_in(await asyncio.to_thread(certificate, demo, "expired", 465)) == -3 * DAY
    assert await asyncio.to_thread(session) == "certificate has expired"


async def test_the_stripped_host_offers_no_starttls_but_on_587_once(demo: Demo) -> None:
    def offers(port: int) -> bool:
        with smtp(demo, "stripped", port) as client:
            client.ehlo()
            return client.has_extn("starttls")

    assert [await asyncio.to_thread(offers, port) for port in (25, 25, 587, 587, 587)] == [
        False,
        False,
        True,
        False,
        False,
    ]


async def test_the_forgotten_host_shows_last_years_certificate_on_993_which_still_holds(
    demo: Demo, trusted: str
) -> None:
    def session() -> str:
        context = trusting(trusted, "forgotten.mail.example")
        place = address(demo, "forgotten")
        with imaplib.IMAP4_SSL(place, PORT_OFFSET + 993, ssl_context=context, timeout=PATIENCE) as client:
            return client.noop()[0]

    assert await asyncio.to_thread(session) == "OK"
    old = await asyncio.to_thread(certificate, demo, "forgotten", 993)
    new = await asyncio.to_thread(certificate, demo, "forgotten", 465)
    assert (ends_in(old), ends_in(new)) == (20 * DAY, 89 * DAY)
    assert old.not_valid_after_utc - old.not_valid_before_utc == 365 * DAY


async def test_the_twofaced_host_has_an_expired_rsa_certificate_behind_the_good_one_on_465(demo: Demo) -> None:
    for_rsa = unverified()
    for_rsa.maximum_version = ssl.TLSVersion.TLSv1_2
    for_rsa.set_ciphers("aRSA:@SECLEVEL=0")

    assert ends_in(await asyncio.to_thread(certificate, demo, "twofaced", 465)) == 89 * DAY
    assert ends_in(await asyncio.to_thread(certificate, demo, "twofaced", 465, for_rsa)) == -3 * DAY


@pytest.mark.parametrize(
    ("asked", "shown"),
    [("twofaced.mail.example", "twofaced.mail.example"), (None, "unnamed.mail.example")],
    ids=["with a server name", "without one"],
)
async def test_the_twofaced_host_shows_another_name_on_25_to_whoever_names_no_server(
    demo: Demo, asked: str | None, shown: str
) -> None:
    def session() -> x509.Certificate:
        with connected(10025, address(demo, "twofaced")) as sock:
            upgrade(sock, Protocol.SMTP)
            with unverified().wrap_socket(sock, server_hostname=asked) as secured:
                return parsed(secured)

    names = (await asyncio.to_thread(session)).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == [shown]


async def test_the_way_to_the_rewritten_host_changes_what_is_said(demo: Demo) -> None:
    def session() -> tuple[bool, bool]:
        with smtp(demo, "rewritten") as client:
            client.ehlo()
            return client.has_extn("starttls"), client.has_extn("xxxxxxxa")

    def injected() -> bytes:
        with connected(10587, address(demo, "rewritten")) as sock:
            upgrade(sock, Protocol.SMTP)
            return read_line(sock)

    assert await asyncio.to_thread(session) == (False, True)
    assert b"not encrypted" in await asyncio.to_thread(injected)


async def test_the_balking_host_does_not_come_into_tls(demo: Demo) -> None:
    def refused() -> int:
        with smtp(demo, "balking") as client:
            client.ehlo()
            assert client.has_extn("starttls")
            return client.docmd("STARTTLS")[0]

    def broken() -> None:
        with smtp(demo, "balking", 587) as client:
            client.starttls(context=unverified())

    assert await asyncio.to_thread(refused) == 454
    with pytest.raises(ssl.SSLError):
        await asyncio.to_thread(broken)


async def test_the_careless_host_takes_passwords_and_everybody_without_tls(demo: Demo) -> None:
    place = address(demo, "careless")

    def passwords() -> bytes:
        client = poplib.POP3(place, 10110, timeout=PATIENCE)
        answer = client.user("somebody")
        client.quit()
        return answer

    def welcome() -> str:
        with imaplib.IMAP4(place, 10143, timeout=PATIENCE) as client:
            return client.state

    assert (await asyncio.to_thread(passwords)).startswith(b"+OK")
    assert await asyncio.to_thread(welcome) == "AUTH"


async def test_the_careless_host_offers_starttls_again_inside_tls(demo: Demo) -> None:
    def session() -> bool:
        with smtp(demo, "careless", 587) as client:
            client.starttls(context=unverified())
            client.ehlo()
            return client.has_extn("starttls")

    assert await asyncio.to_thread(session) is True


async def test_the_other_handshakes_are_made_where_there_is_something_to_see(config: Config) -> None:
    made = {(target.host, target.service.port): target.variants for target in config.targets if target.variants}
    assert made == {
        ("twofaced.mail.example", 10025): (Variant.NO_SNI,),
        ("twofaced.mail.example", 10465): (Variant.RSA,),
    }
