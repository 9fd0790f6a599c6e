"""Passwords: read as browsers send them, right or wrong, and at the same price for names that do not exist."""

import asyncio
import base64
from collections.abc import Iterator
from contextlib import contextmanager

import bcrypt
import pytest

from exporter.web.password import Credentials, Passwords, credentials

PASSWORD = b"open sesame"


def hashed(password: bytes, cost: int = 4, version: str = "2b") -> str:
    """A bcrypt hash; 4 is the cheapest."""
    return bcrypt.hashpw(password, bcrypt.gensalt(cost)).decode().replace("$2b$", f"${version}$")


USERS = {"alice": hashed(PASSWORD)}


def basic(text: bytes) -> str:
    return "Basic " + base64.b64encode(text).decode()


@pytest.mark.parametrize(
    ("header", "read"),
    [
        pytest.param(basic(b"alice:open sesame"), Credentials("alice", b"open sesame"), id="plain"),
        pytest.param("bAsIc  " + basic(b"a:b")[6:], Credentials("a", b"b"), id="any-case-and-spaces"),
        pytest.param(basic(b"alice:a:b:"), Credentials("alice", b"a:b:"), id="colons-in-the-password"),
        pytest.param(basic("jürgen:ß".encode()), Credentials("jürgen", "ß".encode()), id="utf-8"),
        pytest.param(basic(b"\xff:\xff"), Credentials("\ufffd", b"\xff"), id="not-utf-8"),
        pytest.param(basic(b":"), Credentials("", b""), id="both-empty"),
        pytest.param(basic(b"alice"), None, id="no-colon"),
        pytest.param("Basic", None, id="nothing"),
        pytest.param("Basic !!!!", None, id="not-base64"),
        pytest.param("Basic \xe4\xf6", None, id="not-ascii"),
        pytest.param("Bearer " + basic(b"alice:open sesame")[6:], None, id="another-scheme"),
        pytest.param(None, None, id="no-header"),
    ],
)
def test_a_header_is_read_as_it_is_written(header: str | None, read: Credentials | None) -> None:
    assert credentials(header) == read


@pytest.mark.parametrize(
    ("user", "password", "right"),
    [
        ("alice", PASSWORD, True),
        ("alice", b"open sesamE", False),
        ("alice", b"", False),
        ("alice", PASSWORD + b"\0", False),
        ("Alice", PASSWORD, False),
        ("nobody", PASSWORD, False),
        ("", b"", False),
        ("\ufffd", PASSWORD, False),
    ],
)
async def test_the_right_password_of_the_right_user_is_right(user: str, password: bytes, right: bool) -> None:
    passwords = Passwords()
    for _ in range(2):
        assert await passwords.right(Credentials(user, password), USERS) is right


@pytest.mark.parametrize("version", ["2a", "2b", "2y"])
async def test_every_version_of_the_hash_is_understood(version: str) -> None:
    users = {"alice": hashed(PASSWORD, version=version)}
    assert await Passwords().right(Credentials("alice", PASSWORD), users)


async def test_a_password_longer_than_bcrypt_reads_is_cut_as_others_cut_it() -> None:
    users = {"alice": hashed(b"x" * 72)}
    assert await Passwords().right(Credentials("alice", b"x" * 100), users)


async def test_a_password_that_was_changed_is_not_remembered() -> None:
    passwords = Passwords()
    assert await passwords.right(Credentials("alice", PASSWORD), USERS)
    assert not await passwords.right(Credentials("alice", PASSWORD), {"alice": hashed(b"another")})
    assert not await passwords.right(Credentials("alice", PASSWORD), {"bob": USERS["alice"]})


class Counter:
    """Counts what bcrypt is asked, and how many ask at once."""

    def __init__(self) -> None:
        self.costs: list[int] = []
        self.at_once = 0
        self.most_at_once = 0


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    """Listen to the library while the context is open."""
    counter, real = Counter(), bcrypt.hashpw

    def hashpw(password: bytes, salt: bytes) -> bytes:
        counter.costs.append(int(salt.split(b"$")[2]))
        counter.at_once += 1
        counter.most_at_once = max(counter.most_at_once, counter.at_once)
        try:
            return real(password, salt)
        finally:
            counter.at_once -= 1

    with monkeypatch.context() as patched:
        patched.setattr(bcrypt, "hashpw", hashpw)
        yield counter


@pytest.mark.parametrize("password", [b"x", b"wrong"], ids=["right", "wrong"])
@pytest.mark.parametrize("user", ["cheap", "dear", "nobody"])
async def test_every_name_costs_as_much_as_the_dearest_one(
    user: str, password: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = {"cheap": hashed(b"x", 4), "dear": hashed(b"x", 6)}
    with counted(monkeypatch) as counter:
        assert await Passwords().right(Credentials(user, password), users) is (user in users and password == b"x")
    assert sum(2**cost for cost in counter.costs) == 2**6


async def test_an_answer_is_remembered_right_or_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords()
    with counted(monkeypatch) as counter:
        for _ in range(5):
            for sent in (Credentials("alice", PASSWORD), Credentials("alice", b"x"), Credentials("nobody", b"x")):
                await passwords.right(sent, USERS)
    assert len(counter.costs) == 3


async def test_who_guesses_does_not_push_out_who_knows_and_what_is_kept_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passwords = Passwords()
    assert await passwords.right(Credentials("alice", PASSWORD), USERS)
    for number in range(101):
        assert not await passwords.right(Credentials("nobody", str(number).encode()), USERS)
    with counted(monkeypatch) as counter:
        assert await passwords.right(Credentials("alice", PASSWORD), USERS)
        assert counter.costs == []
        await passwords.right(Credentials("nobody", b"0"), USERS)
        assert len(counter.costs) == 1


async def test_many_at_once_are_checked_one_after_the_other_and_the_same_only_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passwords = Passwords()
    with counted(monkeypatch) as counter:
        async with asyncio.TaskGroup() as tasks:
            same = [tasks.create_task(passwords.right(Credentials("alice", PASSWORD), USERS)) for _ in range(10)]
            for number in range(10):
                tasks.create_task(passwords.right(Credentials("alice", str(number).encode()), USERS))
    assert all(task.result() for task in same)
    assert len(counter.costs) == 11
    assert counter.most_at_once == 1


def test_a_password_does_not_show_in_what_is_printed_for_developers() -> None:
    assert "sesame" not in repr(Credentials("alice", PASSWORD))
