"""The good web files, one by one, with a real client: curl."""

import asyncio
import ssl
from contextlib import closing
from pathlib import Path

import pytest

from exporter.web.access import Access
from tests.web.access import NAME, PASSWORD, USER, Answer, Yard, client, curl, served, yard

pytestmark = pytest.mark.real

LOGIN = ("--user", f"{USER}:{PASSWORD}")

# curl's exit codes: a TLS that could not be agreed on, and a connection that was cut while something was awaited.
NO_TLS = {35, 56}


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    return yard(tmp_path_factory.mktemp("yard"))


async def ask(ground: Yard, name: str, *arguments: str, path: str = "/metrics") -> Answer:
    """Serve one of the files and ask once."""
    async with served(Access(ground.put(name))) as url:
        return await curl(url, *arguments, path=path, root=ground.root)


def old(version: str) -> tuple[str, ...]:
    """Speak this version and no other, as a client would that knows no newer one."""
    return (f"--tlsv{version}", "--tls-max", version, "--ciphers", "DEFAULT:@SECLEVEL=0")


async def test_without_keys_everybody_is_let_in(ground: Yard) -> None:
    answer = await ask(ground, "good-nothing")
    assert (answer.code, answer.status) == (0, 200)


async def test_tls_is_spoken_with_the_certificate_of_the_file(ground: Yard) -> None:
    answer = await ask(ground, "good-tls")
    assert (answer.code, answer.status) == (0, 200)
    assert "SSL certificate verify ok" in answer.said
    assert "mailprobe_success 1" in answer.body


async def test_who_speaks_no_tls_gets_nothing(ground: Yard) -> None:
    async with served(Access(ground.put("good-tls"))) as url:
        answer = await curl(url.replace("https", "http"))
    assert (answer.code, answer.body) == (52, "")


async def test_who_would_like_http_2_is_told_that_it_is_http_1_1(ground: Yard) -> None:
    answer = await ask(ground, "good-tls", "--http2")
    assert answer.status == 200
    assert "ALPN: server accepted http/1.1" in answer.said


@pytest.mark.parametrize(
    ("name", "version", "agreed"),
    [
        ("good-tls", "1.1", False),
        ("good-tls", "1.2", True),
        ("good-tls", "1.3", True),
        ("good-tls10", "1.0", True),
        ("good-tls10", "1.1", True),
        ("good-tls10", "1.2", False),
        ("good-tls12-only", "1.2", True),
        ("good-tls12-only", "1.3", False),
        ("good-tls13-only", "1.2", False),
        ("good-tls13-only", "1.3", True),
        # Nothing of the older versions is left in the list.
        ("good-ciphers-tls13", "1.2", False),
        ("good-ciphers-tls13", "1.3", True),
    ],
)
async def test_only_the_versions_of_the_file_are_spoken(name: str, version: str, agreed: bool, ground: Yard) -> None:
    answer = await ask(ground, name, *old(version))
    assert (answer.code == 0) is agreed
    if agreed:
        spoken = f"TLSv{version}".removesuffix(".0")
        assert f"SSL connection using {spoken} /" in answer.said
    else:
        assert answer.code in NO_TLS


CHACHA, AES = "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-GCM-SHA256"


@pytest.mark.parametrize(
    ("name", "offered", "chosen"),
    [
        ("good-ciphers", f"{AES}:{CHACHA}", CHACHA),
        ("good-ciphers", AES, AES),
        ("good-ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384", None),
        ("good-ciphers-client-order", f"{AES}:{CHACHA}", AES),
    ],
)
async def test_a_cipher_of_the_list_is_taken_in_its_order(
    name: str, offered: str, chosen: str | None, ground: Yard
) -> None:
    answer = await ask(ground, name, "--tls-max", "1.2", "--ciphers", offered)
    if chosen is None:
        assert answer.code in NO_TLS
    else:
        assert f"SSL connection using TLSv1.2 / {chosen}" in answer.said


@pytest.mark.parametrize(
    ("name", "offered", "agreed"),
    [
        ("good-curve", "secp384r1", True),
        ("good-curve", "X25519:prime256v1", False),
        ("good-curve-x25519", "X25519", True),
        ("good-curve-x25519", "secp384r1", False),
    ],
)
async def test_only_the_curve_of_the_file_is_taken(name: str, offered: str, agreed: bool, ground: Yard) -> None:
    assert ((await ask(ground, name, "--curves", offered)).code == 0) is agreed


@pytest.mark.parametrize(
    ("name", "who", "let_in"),
    [
        ("good-no-client-certificate", "nobody", True),
        ("good-no-client-certificate", "stranger", True),
        ("good-request", "nobody", True),
        ("good-request", "stranger", True),
        ("good-verify-if-given", "nobody", True),
        ("good-verify-if-given", "visitor", True),
        ("good-verify-if-given", "stranger", False),
        ("good-verify", "nobody", False),
        ("good-verify", "visitor", True),
        ("good-verify", "stranger", False),
        ("good-sans", "nobody", False),
        ("good-sans", "visitor", False),
        ("good-sans", "scraper", True),
        ("good-sans", "neighbour", True),
        ("good-sans", "stranger", False),
    ],
)
@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_clients_are_let_in_by_their_certificates(
    name: str, who: str, let_in: bool, version: str, ground: Yard
) -> None:
    shown = () if who == "nobody" else client(getattr(ground, who))

    answer = await ask(ground, name, *shown, "--tls-max", version)

    assert (answer.status == 200) is let_in
    assert let_in or answer.code != 0


@pytest.mark.parametrize("name", ["good-users", "good-users-tls"])
async def test_a_password_is_asked_for_with_and_without_tls(name: str, ground: Yard) -> None:
    async with served(Access(ground.put(name))) as url:
        nobody = await curl(url, root=ground.root)
        wrong = await curl(url, "--user", f"{USER}:wrong", root=ground.root)
        unknown = await curl(url, "--user", f"nobody:{PASSWORD}", root=ground.root)
        right = await curl(url, *LOGIN, root=ground.root)
    assert [answer.status for answer in (nobody, wrong, unknown, right)] == [401, 401, 401, 200]
    assert nobody.headers["www-authenticate"] == 'Basic realm="mailprobe", charset="UTF-8"'
    # Nothing tells a name that exists from one that does not, nor what is served here.
    assert wrong.body == unknown.body == nobody.body == "401: a user name and a password are needed\n"
    assert nobody.headers["x-content-type-options"] == "nosniff"


PATHS = ["/", "/metrics", "/config", "/-/healthy", "/-/ready", "/probe", "/nothing", "/static/style.css"]


@pytest.mark.parametrize("path", PATHS)
async def test_every_path_is_protected_whether_it_exists_or_not(path: str, ground: Yard) -> None:
    assert (await ask(ground, "good-users", path=path)).status == 401


async def test_reload_is_protected_by_every_method(ground: Yard) -> None:
    async with served(Access(ground.put("good-users"))) as url:
        for method in ("GET", "POST", "PUT"):
            assert (await curl(url, "-X", method, path="/-/reload")).status == 401
        assert (await curl(url, "-X", "POST", *LOGIN, path="/-/reload")).status == 200


@pytest.mark.parametrize("prefix", ["", "/mail"])
async def test_health_and_nothing_else_is_open_where_it_is_wished(prefix: str, ground: Yard) -> None:
    asked = [*PATHS, "/-/healthy/", "/-/reload", "/-/healthy/../../metrics", "//-/healthy", "/-/%68ealthy"]
    async with served(Access(ground.put("good-users")), open_health=True, prefix=prefix) as url:
        statuses = {path: (await curl(url, "--path-as-is", path=prefix + path)).status for path in asked}
    assert [path for path, status in statuses.items() if status != 401] == ["/-/healthy", "/-/ready"]
    assert (statuses["/-/healthy"], statuses["/-/ready"]) == (200, 200)


HEADERS = {
    "content-security-policy": "default-src 'none'",
    "strict-transport-security": "max-age=31536000",
    "x-content-type-options": "nosniff",
    "x-frame-options": "deny",
    "x-xss-protection": "0",
}


@pytest.mark.parametrize("path", ["/metrics", "/nothing"])
@pytest.mark.parametrize("prefix", ["", "/mail"])
async def test_the_headers_of_the_file_replace_ours(path: str, prefix: str, ground: Yard) -> None:
    async with served(Access(ground.put("good-headers")), prefix=prefix) as url:
        inside, outside = await curl(url, path=prefix + path), await curl(url, path=path)
    for answer in (inside, outside):
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS


async def test_a_blank_header_leaves_ours(ground: Yard) -> None:
    answer = await ask(ground, "good-headers-blank")
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "x-frame-options" not in answer.headers


async def test_a_large_answer_and_a_second_request_come_whole_over_tls(ground: Yard) -> None:
    async with served(Access(ground.put("good-tls"))) as url:
        port = url.rsplit(":", 1)[1]
        answer = await curl(url, f"https://{NAME}:{port}/static/style.css", root=ground.root)
    assert answer.code == 0
    assert "Re-using existing connection" in answer.said


async def test_a_client_that_says_nothing_does_not_keep_the_server_from_ending(ground: Yard) -> None:
    async with served(Access(ground.put("good-tls"))) as url:
        _, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
        # A connection of its own that is served shows that the first has been accepted.
        assert (await curl(url, root=ground.root)).status == 200
    with closing(writer):
        pass


async def test_a_request_in_the_same_piece_as_the_end_of_the_handshake_is_answered(ground: Yard) -> None:
    context = ssl.create_default_context(cafile=str(ground.root))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    engine = context.wrap_bio(incoming, outgoing, server_hostname=NAME)
    async with served(Access(ground.put("good-tls"))) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
        with closing(writer):
            while True:
                try:
                    engine.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    writer.write(outgoing.read())
                    incoming.write(await reader.read(65536))
            engine.write(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            # The client's last word of the handshake is still in there, before the request.
            writer.write(outgoing.read())
            incoming.write(await reader.read())
            assert engine.read().startswith(b"HTTP/1.1 200 OK")


async def test_a_certificate_without_names_that_can_be_read_is_not_let_in(ground: Yard, tmp_path: Path) -> None:
    folder = yard(tmp_path)
    nameless = folder.servers.issue([], purposes=["client"]).write(tmp_path, "nameless")
    folder.servers.write(tmp_path, "clients")
    answer = await ask(folder, "good-sans", *client(nameless))
    assert answer.code != 0
