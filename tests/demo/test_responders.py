"""What the friendly servers answer, line by line, without a network."""

import pytest

from exporter.demo.imap import ImapResponder
from exporter.demo.pop3 import Pop3Responder
from exporter.demo.responder import FRIENDLY, Habits, Next, Reply, Responder
from exporter.demo.sieve import SieveResponder
from exporter.demo.smtp import SmtpResponder

NAME = "mail.example.org"


def smtp(
    *, submission: bool = True, starttls: bool = True, secured: bool = False, habits: Habits = FRIENDLY
) -> SmtpResponder:
    return SmtpResponder(NAME, submission=submission, starttls=starttls, secured=secured, habits=habits)


def imap(*, starttls: bool = True, secured: bool = False, habits: Habits = FRIENDLY) -> ImapResponder:
    return ImapResponder(NAME, starttls=starttls, secured=secured, habits=habits)


def pop3(*, starttls: bool = True, secured: bool = False, habits: Habits = FRIENDLY) -> Pop3Responder:
    return Pop3Responder(NAME, starttls=starttls, secured=secured, habits=habits)


def sieve(*, starttls: bool = True, secured: bool = False, habits: Habits = FRIENDLY) -> SieveResponder:
    return SieveResponder(NAME, starttls=starttls, secured=secured, habits=habits)


CARELESS = Habits(takes_passwords=True)
REFUSING = Habits(refuses_starttls=True)
REPEATING = Habits(repeats_starttls=True)
PREAUTHENTICATING = Habits(preauthenticates=True)
OVERWRITTEN = Habits(is_overwritten=True)

CASES: list[tuple[str, Responder, list[tuple[bytes, bytes]]]] = [
    ("smtp helo", smtp(), [(b"HELO client", b"250 mail.example.org\r\n")]),
    ("smtp helo without a name", smtp(), [(b"HELO", b"501 5.5.4 a name is missing\r\n")]),
    ("smtp ehlo without a name", smtp(), [(b"ehlo ", b"501 5.5.4 a name is missing\r\n")]),
    ("smtp noop", smtp(), [(b"noop", b"250 2.0.0 ok\r\n"), (b"RSET", b"250 2.0.0 ok\r\n")]),
    ("smtp unknown", smtp(), [(b"", b"502 5.5.2 unknown command\r\n"), (b"VRFY x", b"502 5.5.2 unknown command\r\n")]),
    ("smtp starttls with argument", smtp(), [(b"STARTTLS x", b"501 5.5.4 no argument is allowed\r\n")]),
    ("smtp starttls not offered", smtp(starttls=False), [(b"STARTTLS", b"502 5.5.2 unknown command\r\n")]),
    ("smtp starttls inside tls", smtp(secured=True), [(b"STARTTLS", b"502 5.5.2 unknown command\r\n")]),
    ("smtp auth before tls", smtp(), [(b"AUTH PLAIN eA==", b"502 5.5.2 unknown command\r\n")]),
    (
        "smtp auth on port 25",
        smtp(submission=False, secured=True),
        [(b"AUTH PLAIN eA==", b"502 5.5.2 unknown command\r\n")],
    ),
    (
        "smtp auth plain",
        smtp(secured=True),
        [
            (b"AUTH PLAIN eA==", b"535 5.7.8 nobody can log in here\r\n"),
            (b"AUTH PLAIN", b"334 \r\n"),
            (b"eA==", b"535 5.7.8 nobody can log in here\r\n"),
            (b"NOOP", b"250 2.0.0 ok\r\n"),
        ],
    ),
    (
        "smtp auth login",
        smtp(secured=True),
        [
            (b"auth login", b"334 VXNlcm5hbWU6\r\n"),
            (b"eA==", b"334 UGFzc3dvcmQ6\r\n"),
            (b"eA==", b"535 5.7.8 nobody can log in here\r\n"),
            (b"NOOP", b"250 2.0.0 ok\r\n"),
        ],
    ),
    (
        "smtp auth login with a name",
        smtp(secured=True),
        [(b"AUTH LOGIN eA==", b"334 UGFzc3dvcmQ6\r\n"), (b"eA==", b"535 5.7.8 nobody can log in here\r\n")],
    ),
    (
        "smtp auth called off",
        smtp(secured=True),
        [(b"AUTH LOGIN", b"334 VXNlcm5hbWU6\r\n"), (b"*", b"501 5.7.0 called off\r\n"), (b"NOOP", b"250 2.0.0 ok\r\n")],
    ),
    ("smtp auth unknown", smtp(secured=True), [(b"AUTH GSSAPI", b"504 5.5.4 unknown mechanism\r\n")]),
    ("smtp mail to users' port", smtp(), [(b"MAIL FROM:<>", b"530 5.7.0 log in first\r\n")]),
    ("smtp mail", smtp(submission=False), [(b"MAIL FROM:<>", b"550 5.7.1 this server takes no mail\r\n")]),
    (
        "smtp out of order",
        smtp(),
        [(b"RCPT TO:<x>", b"503 5.5.1 MAIL first\r\n"), (b"data", b"503 5.5.1 MAIL first\r\n")],
    ),
    ("imap noop", imap(), [(b"a1 noop", b"a1 OK done\r\n")]),
    ("imap id", imap(), [(b"a1 ID NIL", b"* ID NIL\r\na1 OK done\r\n")]),
    ("imap empty", imap(), [(b"", b"* BAD a tag and a command are missing\r\n")]),
    ("imap tag alone", imap(), [(b"a1", b"* BAD a tag and a command are missing\r\n")]),
    ("imap unknown", imap(), [(b"a1 SELECT INBOX", b"a1 BAD unknown command\r\n")]),
    ("imap literal", imap(secured=True), [(b"a1 LOGIN {3}", b"a1 BAD no literals here\r\n")]),
    ("imap starttls not offered", imap(starttls=False), [(b"a1 STARTTLS", b"a1 BAD unknown command\r\n")]),
    ("imap starttls inside tls", imap(secured=True), [(b"a1 STARTTLS", b"a1 BAD unknown command\r\n")]),
    (
        "imap login before tls",
        imap(),
        [
            (b"a1 LOGIN x y", b"a1 NO [PRIVACYREQUIRED] no password without TLS\r\n"),
            (b"a2 AUTHENTICATE PLAIN", b"a2 NO [PRIVACYREQUIRED] no password without TLS\r\n"),
        ],
    ),
    (
        "imap login",
        imap(secured=True),
        [(b"a1 LOGIN x y", b"a1 NO [AUTHENTICATIONFAILED] nobody can log in here\r\n")],
    ),
    (
        "imap authenticate",
        imap(secured=True),
        [
            (b"a1 AUTHENTICATE PLAIN", b"+ \r\n"),
            (b"eA==", b"a1 NO [AUTHENTICATIONFAILED] nobody can log in here\r\n"),
            (b"a2 NOOP", b"a2 OK done\r\n"),
        ],
    ),
    (
        "imap authenticate at once",
        imap(secured=True),
        [(b"a1 AUTHENTICATE PLAIN eA==", b"a1 NO [AUTHENTICATIONFAILED] nobody can log in here\r\n")],
    ),
    (
        "imap authenticate called off",
        imap(secured=True),
        [(b"a1 AUTHENTICATE PLAIN", b"+ \r\n"), (b"*", b"a1 BAD called off\r\n")],
    ),
    ("pop3 unknown", pop3(), [(b"STAT", b"-ERR unknown command\r\n")]),
    ("pop3 stls not offered", pop3(starttls=False), [(b"STLS", b"-ERR unknown command\r\n")]),
    ("pop3 stls inside tls", pop3(secured=True), [(b"STLS", b"-ERR unknown command\r\n")]),
    (
        "pop3 login before tls",
        pop3(),
        [(b"USER x", b"-ERR no password without TLS\r\n"), (b"AUTH PLAIN", b"-ERR no password without TLS\r\n")],
    ),
    (
        "pop3 login",
        pop3(secured=True),
        [(b"user x", b"+OK\r\n"), (b"PASS y", b"-ERR [AUTH] nobody can log in here\r\n")],
    ),
    (
        "pop3 auth",
        pop3(secured=True),
        [
            (b"AUTH PLAIN", b"+ \r\n"),
            (b"eA==", b"-ERR [AUTH] nobody can log in here\r\n"),
            (b"AUTH PLAIN eA==", b"-ERR [AUTH] nobody can log in here\r\n"),
        ],
    ),
    ("pop3 auth called off", pop3(secured=True), [(b"AUTH PLAIN", b"+ \r\n"), (b"*", b"-ERR called off\r\n")]),
    ("sieve noop", sieve(), [(b"noop", b'OK "done"\r\n')]),
    ("sieve unknown", sieve(), [(b"LISTSCRIPTS", b'NO "unknown command"\r\n')]),
    ("sieve starttls not offered", sieve(starttls=False), [(b"STARTTLS", b'NO "unknown command"\r\n')]),
    ("sieve starttls inside tls", sieve(secured=True), [(b"STARTTLS", b'NO "unknown command"\r\n')]),
    (
        "sieve login before tls",
        sieve(),
        [(b'AUTHENTICATE "PLAIN" "eA=="', b'NO (ENCRYPT-NEEDED) "no password without TLS"\r\n')],
    ),
    (
        "sieve login",
        sieve(secured=True),
        [
            (b'AUTHENTICATE "PLAIN"', b'""\r\n'),
            (b'"eA=="', b'NO "nobody can log in here"\r\n'),
            (b'AUTHENTICATE "PLAIN" "eA=="', b'NO "nobody can log in here"\r\n'),
            (b"NOOP", b'OK "done"\r\n'),
        ],
    ),
    (
        "sieve login in literals",
        sieve(secured=True),
        [
            (b'AUTHENTICATE "PLAIN" {4+}', b""),
            (b"eA==", b'NO "nobody can log in here"\r\n'),
            (b'AUTHENTICATE "PLAIN"', b'""\r\n'),
            (b"{4+}", b""),
            (b"eA==", b'NO "nobody can log in here"\r\n'),
        ],
    ),
    ("smtp starttls refused", smtp(habits=REFUSING), [(b"STARTTLS", b"454 4.7.0 TLS is not available\r\n")]),
    (
        "smtp starttls refused, with argument",
        smtp(habits=REFUSING),
        [(b"STARTTLS x", b"501 5.5.4 no argument is allowed\r\n")],
    ),
    ("smtp starttls overwritten", smtp(habits=OVERWRITTEN), [(b"STARTTLS", b"502 5.5.2 unknown command\r\n")]),
    ("smtp careless", smtp(habits=CARELESS), [(b"AUTH PLAIN eA==", b"535 5.7.8 nobody can log in here\r\n")]),
    (
        "smtp careless on port 25",
        smtp(submission=False, habits=CARELESS),
        [(b"AUTH PLAIN eA==", b"502 5.5.2 unknown command\r\n")],
    ),
    (
        "imap starttls refused",
        imap(habits=REFUSING),
        [(b"a1 STARTTLS", b"a1 NO [UNAVAILABLE] TLS is not available\r\n"), (b"a2 NOOP", b"a2 OK done\r\n")],
    ),
    (
        "imap careless",
        imap(habits=CARELESS),
        [
            (b"a1 LOGIN x y", b"a1 NO [AUTHENTICATIONFAILED] nobody can log in here\r\n"),
            (b"a2 AUTHENTICATE PLAIN", b"+ \r\n"),
            (b"eA==", b"a2 NO [AUTHENTICATIONFAILED] nobody can log in here\r\n"),
        ],
    ),
    (
        "imap preauthenticated",
        imap(habits=PREAUTHENTICATING),
        [
            (b"a1 STARTTLS", b"a1 BAD you are logged in already\r\n"),
            (b"a2 LOGIN x y", b"a2 BAD you are logged in already\r\n"),
            (b"a3 AUTHENTICATE PLAIN", b"a3 BAD you are logged in already\r\n"),
            (b"a4 SELECT INBOX", b"a4 BAD unknown command\r\n"),
        ],
    ),
    ("pop3 stls refused", pop3(habits=REFUSING), [(b"STLS", b"-ERR [SYS/TEMP] TLS is not available\r\n")]),
    (
        "pop3 careless",
        pop3(habits=CARELESS),
        [(b"USER x", b"+OK\r\n"), (b"PASS y", b"-ERR [AUTH] nobody can log in here\r\n")],
    ),
    (
        "sieve starttls refused",
        sieve(habits=REFUSING),
        [(b"STARTTLS", b'NO (TRYLATER) "TLS is not available"\r\n'), (b"NOOP", b'OK "done"\r\n')],
    ),
    (
        "sieve careless",
        sieve(habits=CARELESS),
        [(b'AUTHENTICATE "PLAIN" "eA=="', b'NO "nobody can log in here"\r\n')],
    ),
]


@pytest.mark.parametrize(("responder", "dialog"), [case[1:] for case in CASES], ids=[name for name, *_ in CASES])
def test_a_line_gets_the_answer_of_its_standard(responder: Responder, dialog: list[tuple[bytes, bytes]]) -> None:
    for line, expected in dialog:
        assert responder.answer(line) == Reply(expected)


@pytest.mark.parametrize(
    ("responder", "line", "expected"),
    [
        pytest.param(smtp(), b"quit", Reply(b"221 2.0.0 bye\r\n", Next.CLOSE), id="smtp quit"),
        pytest.param(
            imap(), b"a1 LOGOUT", Reply(b"* BYE until next time\r\na1 OK done\r\n", Next.CLOSE), id="imap logout"
        ),
        pytest.param(pop3(), b"QUIT", Reply(b"+OK bye\r\n", Next.CLOSE), id="pop3 quit"),
        pytest.param(sieve(), b"LOGOUT", Reply(b'OK "bye"\r\n', Next.CLOSE), id="sieve logout"),
        pytest.param(smtp(), b"starttls", Reply(b"220 2.0.0 go ahead\r\n", Next.START_TLS), id="smtp starttls"),
        pytest.param(imap(), b"a1 starttls", Reply(b"a1 OK go ahead\r\n", Next.START_TLS), id="imap starttls"),
        pytest.param(pop3(), b"STLS", Reply(b"+OK go ahead\r\n", Next.START_TLS), id="pop3 stls"),
        pytest.param(sieve(), b"StartTLS", Reply(b'OK "go ahead"\r\n', Next.START_TLS), id="sieve starttls"),
    ],
)
def test_a_reply_says_what_comes_next(responder: Responder, line: bytes, expected: Reply) -> None:
    assert responder.answer(line) == expected


SMTP_ALWAYS = b"250-PIPELINING\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SMTPUTF8\r\n"
SMTP_PLAIN = b"250-mail.example.org\r\n" + SMTP_ALWAYS
SMTP_STARTTLS = b"250-mail.example.org\r\n250-STARTTLS\r\n" + SMTP_ALWAYS
SMTP_AUTH = b"250-mail.example.org\r\n250-AUTH PLAIN LOGIN\r\n" + SMTP_ALWAYS
IMAP_PLAIN = b"* CAPABILITY IMAP4rev1 ID SASL-IR LOGINDISABLED\r\na1 OK done\r\n"
IMAP_STARTTLS = b"* CAPABILITY IMAP4rev1 ID SASL-IR STARTTLS LOGINDISABLED\r\na1 OK done\r\n"
IMAP_AUTH = b"* CAPABILITY IMAP4rev1 ID SASL-IR AUTH=PLAIN\r\na1 OK done\r\n"
POP3_PLAIN = b"+OK\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n.\r\n"
POP3_STLS = b"+OK\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nSTLS\r\n.\r\n"
POP3_AUTH = b"+OK\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nUSER\r\nSASL PLAIN\r\n.\r\n"
SIEVE_ALWAYS = b'"SIEVE" "fileinto reject"\r\n"VERSION" "1.0"\r\n'
SIEVE_END = b'OK "mail.example.org ready"\r\n'
SIEVE_PLAIN = b'"IMPLEMENTATION" "mailprobe demo"\r\n"SASL" ""\r\n' + SIEVE_ALWAYS + SIEVE_END
SIEVE_STARTTLS = b'"IMPLEMENTATION" "mailprobe demo"\r\n"SASL" ""\r\n' + SIEVE_ALWAYS + b'"STARTTLS"\r\n' + SIEVE_END
SIEVE_AUTH = b'"IMPLEMENTATION" "mailprobe demo"\r\n"SASL" "PLAIN"\r\n' + SIEVE_ALWAYS + SIEVE_END


@pytest.mark.parametrize(
    ("responder", "question", "before", "inside"),
    [
        pytest.param(smtp(), b"EHLO client", SMTP_STARTTLS, SMTP_AUTH, id="submission"),
        pytest.param(smtp(submission=False), b"EHLO client", SMTP_STARTTLS, SMTP_PLAIN, id="smtp"),
        pytest.param(smtp(starttls=False), b"EHLO client", SMTP_PLAIN, SMTP_AUTH, id="submission, stripped"),
        pytest.param(imap(), b"a1 CAPABILITY", IMAP_STARTTLS, IMAP_AUTH, id="imap"),
        pytest.param(imap(starttls=False), b"a1 CAPABILITY", IMAP_PLAIN, IMAP_AUTH, id="imap, stripped"),
        pytest.param(pop3(), b"CAPA", POP3_STLS, POP3_AUTH, id="pop3"),
        pytest.param(pop3(starttls=False), b"CAPA", POP3_PLAIN, POP3_AUTH, id="pop3, stripped"),
        pytest.param(sieve(), b"CAPABILITY", SIEVE_STARTTLS, SIEVE_AUTH, id="sieve"),
        pytest.param(sieve(starttls=False), b"CAPABILITY", SIEVE_PLAIN, SIEVE_AUTH, id="sieve, stripped"),
    ],
)
def test_passwords_are_offered_and_starttls_is_not_once_tls_is_there(
    responder: Responder, question: bytes, before: bytes, inside: bytes
) -> None:
    assert responder.answer(question).data == before
    responder.tls_established()
    assert responder.answer(question).data == inside


@pytest.mark.parametrize(
    ("responder", "question", "before", "inside"),
    [
        pytest.param(
            smtp(habits=CARELESS),
            b"EHLO client",
            b"250-mail.example.org\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n" + SMTP_ALWAYS,
            SMTP_AUTH,
            id="submission, careless",
        ),
        pytest.param(
            smtp(submission=False, habits=REPEATING), b"EHLO client", SMTP_STARTTLS, SMTP_STARTTLS, id="smtp, repeating"
        ),
        pytest.param(
            smtp(submission=False, habits=OVERWRITTEN),
            b"EHLO client",
            b"250-mail.example.org\r\n250-XXXXXXXA\r\n" + SMTP_ALWAYS,
            SMTP_PLAIN,
            id="smtp, overwritten",
        ),
        pytest.param(
            imap(habits=CARELESS),
            b"a1 CAPABILITY",
            b"* CAPABILITY IMAP4rev1 ID SASL-IR STARTTLS AUTH=PLAIN\r\na1 OK done\r\n",
            IMAP_AUTH,
            id="imap, careless",
        ),
        pytest.param(
            imap(habits=REPEATING),
            b"a1 CAPABILITY",
            IMAP_STARTTLS,
            b"* CAPABILITY IMAP4rev1 ID SASL-IR STARTTLS AUTH=PLAIN\r\na1 OK done\r\n",
            id="imap, repeating",
        ),
        pytest.param(
            pop3(habits=CARELESS),
            b"CAPA",
            b"+OK\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nSTLS\r\nUSER\r\nSASL PLAIN\r\n.\r\n",
            POP3_AUTH,
            id="pop3, careless",
        ),
        pytest.param(
            pop3(habits=REPEATING),
            b"CAPA",
            POP3_STLS,
            b"+OK\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nSTLS\r\nUSER\r\nSASL PLAIN\r\n.\r\n",
            id="pop3, repeating",
        ),
        pytest.param(
            sieve(habits=CARELESS),
            b"CAPABILITY",
            SIEVE_AUTH.replace(SIEVE_END, b'"STARTTLS"\r\n' + SIEVE_END),
            SIEVE_AUTH,
            id="sieve, careless",
        ),
        pytest.param(
            sieve(habits=REPEATING),
            b"CAPABILITY",
            SIEVE_STARTTLS,
            SIEVE_AUTH.replace(SIEVE_END, b'"STARTTLS"\r\n' + SIEVE_END),
            id="sieve, repeating",
        ),
    ],
)
def test_bad_habits_show_in_what_is_offered(
    responder: Responder, question: bytes, before: bytes, inside: bytes
) -> None:
    assert responder.answer(question).data == before
    responder.tls_established()
    assert responder.answer(question).data == inside


def test_a_preauthenticated_session_is_greeted_so_and_offers_neither_logins_nor_tls() -> None:
    responder = imap(habits=PREAUTHENTICATING)
    assert responder.greeting() == (b"* PREAUTH [CAPABILITY IMAP4rev1 ID SASL-IR] mail.example.org mailprobe demo\r\n")
    assert responder.answer(b"a1 CAPABILITY").data == b"* CAPABILITY IMAP4rev1 ID SASL-IR\r\na1 OK done\r\n"


def test_an_overwritten_greeting_keeps_its_length_and_the_digits_of_its_code() -> None:
    responder = SmtpResponder("mx20.example.org", submission=False, starttls=True, secured=False, habits=OVERWRITTEN)
    assert responder.greeting() == b"220 **20" + b"*" * len(".example.org ESMTP mailprobe demo") + b"\r\n"


@pytest.mark.parametrize(
    ("responder", "greeting", "dismissal"),
    [
        pytest.param(
            smtp(),
            b"220 mail.example.org ESMTP mailprobe demo\r\n",
            b"421 4.4.2 mail.example.org closing the connection\r\n",
            id="smtp",
        ),
        pytest.param(
            imap(),
            b"* OK [CAPABILITY IMAP4rev1 ID SASL-IR STARTTLS LOGINDISABLED] mail.example.org mailprobe demo\r\n",
            b"* BYE closing the connection\r\n",
            id="imap",
        ),
        pytest.param(pop3(), b"+OK mail.example.org mailprobe demo\r\n", b"-ERR closing the connection\r\n", id="pop3"),
        pytest.param(sieve(), SIEVE_STARTTLS, b'BYE "closing the connection"\r\n', id="sieve"),
    ],
)
def test_first_and_last_words_are_those_of_the_protocol(
    responder: Responder, greeting: bytes, dismissal: bytes
) -> None:
    assert responder.greeting() == greeting
    assert responder.dismissal() == dismissal


@pytest.mark.parametrize(
    ("responder", "unasked"),
    [
        pytest.param(smtp(), b"", id="smtp"),
        pytest.param(imap(), b"", id="imap"),
        pytest.param(pop3(), b"", id="pop3"),
        pytest.param(sieve(), SIEVE_AUTH, id="sieve"),
    ],
)
def test_only_sieve_says_something_unasked_inside_tls(responder: Responder, unasked: bytes) -> None:
    assert responder.tls_established() == unasked
