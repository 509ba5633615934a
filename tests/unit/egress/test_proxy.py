"""What an app reaches through its way out, and what it does not, word for word; over real sockets."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from dualspan_egress import settings
from dualspan_egress.proxy import Proxy, listen
from dualspan_egress.rules import RefusedError, Rules, read_hosts, read_networks


@dataclass
class Way:
    """A running proxy, before a server that sends back what it gets."""

    port: int
    target: int
    noted: list[tuple[str, int, str, str]] = field(default_factory=list[tuple[str, int, str, str]])

    async def ask(self, head: str, more: bytes = b"") -> bytes:
        """All that comes back."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(head.replace("TARGET", str(self.target)).encode() + b"\r\n\r\n" + more)
        writer.write_eof()
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()
        return answer


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.read())
    writer.close()


@asynccontextmanager
async def way(found: Sequence[str] = ("127.0.0.1",), private: Sequence[str] = ("127.0.0.0/8",)) -> AsyncGenerator[Way]:
    async def resolve(host: str) -> Sequence[str]:
        if host != "api.test":
            raise OSError(host)
        return found

    target = await asyncio.start_server(echo, "127.0.0.1", 0)
    there = target.sockets[0].getsockname()[1]
    made = Way(0, there)
    rules = Rules(read_hosts(f"api.test:{there},gone.test:{there},api.test:1"), read_networks(",".join(private)))
    proxy = Proxy(rules, lambda *refusal: made.noted.append(refusal), resolve)
    async with target, await listen("127.0.0.1", 0, proxy) as server:
        made.port = server.sockets[0].getsockname()[1]
        yield made


async def test_a_declared_host_is_reached_and_bytes_go_both_ways() -> None:
    async with way() as at:
        # More than sockets hold: nothing of it is lost when one side has ended.
        sent = bytes(range(256)) * 65536
        answer = await at.ask("CONNECT API.test.:TARGET HTTP/1.1\r\nHost: api.test", sent)
        assert answer == b"HTTP/1.1 200 Connection established\r\n\r\n" + sent
        assert at.noted == []


@pytest.mark.parametrize(
    ("line", "status", "code", "why"),
    [
        ("CONNECT other.test:TARGET HTTP/1.1", 403, "UNDECLARED", "does not declare it"),
        ("CONNECT api.test:2 HTTP/1.1", 403, "UNDECLARED", "does not declare it"),
        ("CONNECT 127.0.0.1:TARGET HTTP/1.1", 403, "UNDECLARED", "does not declare it"),
        ("CONNECT [::1]:TARGET HTTP/1.1", 403, "UNDECLARED", "does not declare it"),
        ("CONNECT gone.test:TARGET HTTP/1.1", 502, "NO_ADDRESS", "no address"),
        ("CONNECT api.test:1 HTTP/1.1", 502, "NO_ANSWER", "does not answer"),
        ("GET http://api.test:TARGET/ HTTP/1.1", 405, "NOT_CONNECT", "only CONNECT"),
    ],
)
async def test_what_is_refused_is_noted(line: str, status: int, code: str, why: str) -> None:
    async with way() as at:
        answer = await at.ask(line)
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())
        ((_, _, word, noted),) = at.noted
        assert word == code
        assert why in noted


@pytest.mark.parametrize("head", ["", "CONNECT", "CONNECT api.test HTTP/1.1", "CONNECT api.test:x HTTP/1.1", "é"])
async def test_what_is_no_request_ends(head: str) -> None:
    async with way() as at:
        assert (await at.ask(head)).startswith(b"HTTP/1.1 400 ")


async def test_a_head_without_end_ends() -> None:
    async with way() as at:
        assert (await at.ask("CONNECT " + "a" * 20_000)).startswith(b"HTTP/1.1 400 ")


async def test_a_declared_name_leads_nowhere_inside() -> None:
    async with way(private=()) as at:
        assert (await at.ask("CONNECT api.test:TARGET HTTP/1.1")).startswith(b"HTTP/1.1 403 ")
        assert at.noted[0][3] == "it is 127.0.0.1, no address on the internet"


async def test_one_address_inside_closes_the_way() -> None:
    async with way(found=("127.0.0.1", "10.0.0.1")) as at:
        assert (await at.ask("CONNECT api.test:TARGET HTTP/1.1")).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.1.1", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "255.255.255.255", "198.18.0.1", "240.0.0.1"],
)  # fmt: skip
def test_addresses_that_are_not_the_internets(address: str) -> None:
    with pytest.raises(RefusedError, match=address):
        Rules(()).open([address])
    Rules((), read_networks("0.0.0.0/0")).open([address])


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "169.254.170.2", "169.254.170.23", "168.63.129.16", "100.100.100.200", "169.254.0.23",
     "169.254.42.42", "192.0.0.192", "192.80.8.124"],
)  # fmt: skip
def test_where_clouds_tell_about_machines_nobody_goes(address: str) -> None:
    with pytest.raises(RefusedError, match=f"it is {address}, which nobody goes to"):
        Rules((), read_networks("0.0.0.0/0")).open([address])


def test_addresses_of_the_machines_own_are_denied() -> None:
    own = read_networks("93.184.215.14/32,10.20.0.0/24")
    for address in ("93.184.215.14", "10.20.0.9"):
        with pytest.raises(RefusedError, match="which nobody goes to"):
            Rules((), read_networks("10.20.0.0/16"), own).open([address])
    Rules((), read_networks("10.20.0.0/16"), own).open(["93.184.215.15", "10.20.1.9"])


def test_what_is_set_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"HOSTS": "api.test:443", "PRIVATE": "10.20.0.0/16", "DENIED": "10.20.0.9/32", "LISTEN": "127.0.0.1:1"}
    for key, value in told.items():
        monkeypatch.setenv(f"DUALSPAN_EGRESS_{key}", value)
    rules = Rules(read_hosts("api.test:443"), read_networks("10.20.0.0/16"), read_networks("10.20.0.9/32"))
    assert settings.read() == settings.EgressSettings("127.0.0.1", 1, rules, is_asked=True)


def test_no_host_is_something_else_than_nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DUALSPAN_EGRESS_HOSTS", raising=False)
    assert not settings.read().is_asked
    monkeypatch.setenv("DUALSPAN_EGRESS_HOSTS", "")
    assert settings.read().is_asked
    with pytest.raises(RefusedError, match="does not declare it"):
        settings.read().rules.declared("api.test", 443)


def test_an_address_of_the_internet() -> None:
    Rules(()).open(["93.184.215.14"])


def test_what_is_read() -> None:
    assert read_hosts(" Api.test:443, b.test:80,") == {("api.test", 443), ("b.test", 80)}
    assert read_hosts("") == frozenset()
    with pytest.raises(ValueError, match="invalid literal"):
        read_hosts("api.test")
    with pytest.raises(ValueError, match="10"):
        read_networks("10.0.0.1/8")
