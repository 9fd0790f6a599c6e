"""`/probe` over HTTP, with real sessions at scripted servers."""

import asyncio
import gzip

import pytest

from exporter.demo.scripted import Expect, Hang, Reached, Script, ScriptedServer, Send, Wait
from exporter.web.probing import Bounds
from tests.running import Scrape
from tests.served import DIALOG, GREETING, WELL
from tests.web.ondemand import on_demand

HEADER = "X_Prometheus_Scrape_Timeout_Seconds"
DEFAULTS = "{ip_families: [ipv4], ehlo_name: monitor.example.org}"

NAMED = (
    f"{{probe_allow: [127.0.0.0/8], defaults: {DEFAULTS}, modules: {{m: {{protocol: smtp, tls: none}}}}, hosts: []}}"
)


def configured(server: ScriptedServer, more: str = "") -> str:
    port = f"{{port: {server.port}, protocol: smtp, tls: none}}"
    labels = "labels: {site: milan}"
    return f"{{defaults: {DEFAULTS}, hosts: [{{host: mail.example.org, {labels}, ports: [{port}]}}]{more}}}"


HERE = {"mail.example.org": ("127.0.0.1",)}


async def test_a_healthy_server_is_told_by_the_metrics_of_every_scrape() -> None:
    async with (
        ScriptedServer(WELL) as server,
        on_demand(configured(server), HERE) as (_, browser),
    ):
        reply = await browser.ask(f"/probe?target=mail.example.org:{server.port}")
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    scrape = Scrape.of(reply.text)
    ((labels, success),) = scrape.found("mailprobe_success")
    assert success == 1
    assert labels == {
        "host": "mail.example.org",
        "port": str(server.port),
        "protocol": "smtp",
        "tls": "none",
        "ip_family": "ipv4",
        "site": "milan",
    }
    assert scrape.values("mailprobe_greeting_code") == [220]
    assert scrape.values("mailprobe_dns_addresses", ip_family="ipv4") == [1]
    assert not server.faults
    assert len(server.sessions) == 1


async def test_a_server_that_turns_us_away_is_a_probe_that_failed_and_not_an_error() -> None:
    async with (
        ScriptedServer([Send(b"554 no\r\n"), Expect(b"QUIT"), Send(b"221 bye\r\n")]) as server,
        on_demand(NAMED) as (_, browser),
    ):
        reply = await browser.ask(f"/probe?target=127.0.0.1:{server.port}&module=m")
    assert reply.status == 200
    scrape = Scrape.of(reply.text)
    assert scrape.values("mailprobe_success") == [0]
    assert scrape.label("mailprobe_outcome_info", "outcome") == ["greeting_rejected"]


async def test_a_name_that_does_not_exist_is_a_probe_that_failed_and_not_an_error() -> None:
    async with on_demand("{probe_allow: [.example.org], hosts: []}") as (_, browser):
        reply = await browser.ask("/probe?target=nowhere.example.org:25")
    assert reply.status == 200
    assert Scrape.of(reply.text).label("mailprobe_outcome_info", "outcome") == ["dns_nxdomain"]


async def test_a_silent_server_is_given_up_half_a_second_before_the_scrape_would_be() -> None:
    async with (
        ScriptedServer([Hang()]) as server,
        on_demand(NAMED) as (_, browser),
    ):
        reply = await browser.ask(f"/probe?target=127.0.0.1:{server.port}&module=m", **{HEADER: "0.6"})
        explained = await browser.ask(f"/probe?target=127.0.0.1:{server.port}&module=m&debug=true", **{HEADER: "0.6"})
    assert reply.status == 200
    scrape = Scrape.of(reply.text)
    assert scrape.values("mailprobe_success") == [0]
    assert scrape.label("mailprobe_outcome_info", "outcome") == ["total_timeout"]
    assert scrape.values("mailprobe_port_open") == [1]
    assert "not over after 0." in explained.text


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        pytest.param("", "400: the parameter target is missing", id="no target"),
        pytest.param("target=127.0.0.1:x", '400: target "127.0.0.1:x": "x" is not a port number', id="port"),
        pytest.param(
            "target=127.0.0.1:25&module=x", '400: there is no module "x", the configuration has m', id="module"
        ),
        pytest.param("target=127.0.0.1:10025", "400: port 10025 is not well known", id="unknown port"),
        pytest.param("target=127.0.0.1:25&timeout=1s", '400: unknown parameter "timeout"', id="parameter"),
        pytest.param("target=" + "a" * 5000, "400: the parameter target is longer than 275 characters", id="long"),
        pytest.param("target=%3Cscript%3E:25", "must be a host name", id="markup"),
    ],
)
async def test_a_request_that_makes_no_sense_is_told_why(query: str, complaint: str) -> None:
    async with on_demand(NAMED) as (_, browser):
        reply = await browser.ask(f"/probe?{query}")
    assert reply.status == 400
    assert complaint in reply.text
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "1e3", "ten", "", "0.0"])
async def test_a_scrape_timeout_that_is_none_is_told(seconds: str) -> None:
    async with on_demand(NAMED) as (_, browser):
        reply = await browser.ask("/probe?target=127.0.0.1:25", **{HEADER: seconds})
    assert (reply.status, reply.text) == (
        400,
        "400: X-Prometheus-Scrape-Timeout-Seconds is no number of seconds above 0\n",
    )


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("127.0.0.1:{port}", id="address"),
        pytest.param("inside.example.org:{port}", id="a name that leads inside"),
        pytest.param("other.example.net:{port}", id="a name that nobody allowed"),
        pytest.param("mail.example.com:25", id="another port of a configured host"),
    ],
)
async def test_what_is_not_allowed_is_not_connected_to(target: str) -> None:
    text = (
        f"{{probe_allow: [.example.org, 0.0.0.0/0], defaults: {DEFAULTS}, "
        "modules: {m: {protocol: smtp, tls: none}}, hosts: [{host: mail.example.com, ports: [587]}]}"
    )
    inside = dict.fromkeys(("inside.example.org", "other.example.net", "mail.example.com"), ("127.0.0.1",))
    async with ScriptedServer(WELL) as server, on_demand(text, inside) as (_, browser):
        reply = await browser.ask(f"/probe?target={target.format(port=server.port)}&module=m")
        assert reply.status == 403
        assert "probe_allow does not name" in reply.text
        assert server.sessions == []


async def test_a_pair_of_prometheus_servers_makes_one_session() -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()
    script: Script = (Reached(asked), Wait(go_on), GREETING, *DIALOG)
    async with (
        ScriptedServer(script) as server,
        on_demand(configured(server, ", probe_max_age: 1h"), HERE) as (_, browser),
    ):
        path = f"/probe?target=mail.example.org:{server.port}"
        first, second = (asyncio.create_task(browser.ask(path)) for _ in range(2))
        await asked.wait()
        go_on.set()
        replies = [await first, await second, await browser.ask(path), await browser.ask(f"{path}&max_age=2h")]
        assert len(server.sessions) == 1
        assert {reply.text for reply in replies} == {replies[0].text}
        anew = await browser.ask(f"{path}&max_age=0s")
        assert len(server.sessions) == 2
    began = [Scrape.of(reply.text).values("mailprobe_last_probe_timestamp_seconds") for reply in (replies[0], anew)]
    assert began[0] < began[1]


async def test_a_request_gets_nothing_older_than_the_configuration_allows() -> None:
    async with (
        ScriptedServer(WELL) as server,
        on_demand(configured(server, ", probe_max_age: 0s"), HERE) as (_, browser),
    ):
        for _ in range(2):
            assert (await browser.ask(f"/probe?target=mail.example.org:{server.port}&max_age=1h")).status == 200
        assert len(server.sessions) == 2


async def test_what_nobody_can_say_in_time_is_neither_a_success_nor_a_failure() -> None:
    async with ScriptedServer(WELL) as server, on_demand(configured(server), HERE) as (running, browser):
        async with running.pacing.hold("mail.example.org", "127.0.0.1"):
            reply = await browser.ask(f"/probe?target=mail.example.org:{server.port}", **{HEADER: "0.6"})
        assert reply.status == 503
        assert "no turn came in time" in reply.text
        assert reply.headers["Retry-After"] == "5"
        assert server.sessions == []


async def test_more_probes_than_may_be_under_way_are_refused() -> None:
    async with ScriptedServer(WELL) as server, on_demand(NAMED, bounds=Bounds(flights=0)) as (_, browser):
        reply = await browser.ask(f"/probe?target=127.0.0.1:{server.port}&module=m")
        assert (reply.status, server.sessions) == (503, [])
    assert "as many as are made at once" in reply.text


async def test_the_dialog_and_its_reasons_are_shown_with_what_a_server_would_hide() -> None:
    script = [Send(b"220 mail \x1b[2J\xe2\x80\xae<script>\r\n"), *DIALOG]
    async with ScriptedServer(script) as server, on_demand(NAMED) as (_, browser):
        path = f"/probe?target=127.0.0.1:{server.port}&module=m&debug=true"
        reply, again = await browser.ask(path), await browser.ask(path)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.text.isascii()
    assert all(line.isprintable() for line in reply.text.splitlines())
    for expected in (
        "probed now\n",
        f"127.0.0.1 port {server.port} over IPv4: SMTP, TLS none\n  success       yes\n  outcome       ok: ",
        "  expected      open: met\n",
        "  address       127.0.0.1\n",
        "    we             EHLO monitor.example.org\n",
        "    server         250 mail.example.org\n",
        "<script>",
        "mailprobe_success{",
    ):
        assert expected in reply.text
    assert "s ago, and reused: max_age=0s asks for a new session" in again.text


async def test_the_reason_of_a_failure_stands_there_without_a_dialog() -> None:
    async with on_demand("{probe_allow: [.example.org], hosts: []}") as (_, browser):
        reply = await browser.ask("/probe?target=nowhere.example.org:25&debug=true")
    assert (
        "  success       no\n  outcome       dns_nxdomain: the name does not exist (in phase resolve)\n" in reply.text
    )
    assert "  reason        nowhere.example.org is not a host of the demo\n" in reply.text
    assert "  dialog        none" in reply.text


async def test_another_configuration_holds_from_the_next_request_on() -> None:
    async with ScriptedServer(WELL) as server, on_demand("hosts: []") as (running, browser):
        path = f"/probe?target=127.0.0.1:{server.port}&module=m"
        assert (await browser.ask(path)).status == 400
        running.write(NAMED)
        assert (await browser.ask(path)).status == 200
        running.write(NAMED.replace("127.0.0.0/8", "127.0.0.2"))
        assert (await browser.ask(path)).status == 403
        assert len(server.sessions) == 1


async def test_format_and_encoding_are_what_the_client_wants() -> None:
    async with ScriptedServer(WELL) as server, on_demand(NAMED) as (_, browser):
        path = f"/probe?target=127.0.0.1:{server.port}&module=m"
        reply = await browser.ask(path, Accept="application/openmetrics-text;version=1.0.0", Accept_Encoding="gzip")
    assert reply.headers["Content-Type"].startswith("application/openmetrics-text")
    assert gzip.decompress(reply.body).endswith(b"# EOF\n")


@pytest.mark.parametrize("method", ["HEAD", "POST"])
async def test_only_who_wants_the_answer_makes_a_session(method: str) -> None:
    async with ScriptedServer(WELL) as server, on_demand(NAMED) as (_, browser):
        reply = await browser.ask(f"/probe?target=127.0.0.1:{server.port}&module=m", method)
        assert (reply.status, server.sessions) == (405, [])
