"""--cluster-advertise: what it becomes, and what is said to those who got it wrong."""

import threading
from collections.abc import Sequence

import pytest

from seaway.engine import host
from seaway.engine.advertise import Advertise, resolve
from seaway.errors import InvalidInput

LOCAL = [
    ("lo", "127.0.0.1", 1500),
    ("lo", "::1", 1500),
    ("eth0", "fd00::21", 1400),
    ("eth0", "192.168.1.21", 1400),
    ("eth0", "10.1.1.1", 1400),
    ("eth0", "fe80::1", 1400),
    ("six", "fe80::2", 1420),
    ("six", "2001:db8::6", 1420),
    ("wg0", "fe80::3", 1420),
]
NAMES = {
    "h1": ["fd00::99", "192.168.1.21"],
    "eth0": ["10.1.1.1"],
    "master1": ["192.168.1.20"],
    "debian": ["127.0.1.1"],
    "nobody": [],
}


def lookup(name: str) -> Sequence[str]:
    if name not in NAMES:
        raise OSError(-2, "Name or service not known")
    return NAMES[name]


async def refusal(text: str, addresses: Sequence[tuple[str, str, int]] = tuple(LOCAL)) -> str:
    with pytest.raises(InvalidInput) as caught:
        await resolve(text, addresses, lookup)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "address", "port", "device", "shown"),
    [
        ("192.168.1.21", "192.168.1.21", 0, "eth0", "192.168.1.21"),
        ("192.168.1.21:2379", "192.168.1.21", 2379, "eth0", "192.168.1.21:2379"),
        ("10.1.1.1:1", "10.1.1.1", 1, "eth0", "10.1.1.1:1"),
        ("fd00::21", "fd00::21", 0, "eth0", "fd00::21"),
        ("FD00:0::21", "fd00::21", 0, "eth0", "fd00::21"),
        ("[fd00::21]", "fd00::21", 0, "eth0", "fd00::21"),
        ("[fd00::21]:65535", "fd00::21", 65535, "eth0", "[fd00::21]:65535"),
        ("eth0", "192.168.1.21", 0, "eth0", "192.168.1.21"),
        ("eth0:2376", "192.168.1.21", 2376, "eth0", "192.168.1.21:2376"),
        ("six:2376", "2001:db8::6", 2376, "six", "[2001:db8::6]:2376"),
        ("h1:2376", "192.168.1.21", 2376, "eth0", "192.168.1.21:2376"),
    ],
)
async def test_what_is_advertised(text: str, address: str, port: int, device: str, shown: str) -> None:
    found = await resolve(text, LOCAL, lookup)
    assert found == Advertise(address, port, device, 1420 if device == "six" else 1400, text)
    assert found.shown == shown


async def test_the_tutorials_mistake_is_named() -> None:
    assert await refusal("192.168.1.20:2379", [*LOCAL[:2], ("eth0", "192.168.1.21", 1500)]) == (
        "192.168.1.20 is not an address of this host (it has 192.168.1.21 on eth0): "
        "each host advertises its own"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("127.0.0.1:2376", "127.0.0.1 is a loopback address"),
        ("::1", "::1 is a loopback address"),
        ("0.0.0.0", "it stands for all of them"),
        ("[::]:2376", "it stands for all of them"),
        ("224.0.0.1", "a multicast address"),
        ("ff02::1", "a multicast address"),
        ("255.255.255.255", "the broadcast address"),
        ("fe80::1", "a link-local address"),
        ("fe80::1%eth0", "a link-local address"),
        ("::ffff:192.168.1.21", "write 192.168.1.21"),
        ("lo", "interface lo has no address that other hosts could reach"),
        ("wg0:2376", "interface wg0 has no address that other hosts could reach"),
        ("master1", "master1 resolves to 192.168.1.20, not an address of this host (it has "),
        ("debian", "debian resolves to 127.0.1.1, a loopback address"),
        ("debian", "Look into /etc/hosts"),
        ("nobody", "as a host name it does not resolve: it has no address"),
        ("eth7", "eth7 is neither an address nor an interface with one on this host"),
        ("eth7", "does not resolve: name or service not known"),
        ("eth0:0", "the port must be from 1 to 65535"),
        ("eth0:65536", "the port must be from 1 to 65535"),
        ("eth0:web", "invalid --cluster-advertise 'eth0:web': write an address, an interface or a host name"),
        ("[eth0]:1", "an IPv6 address as [fd00::21]:2376"),
        ("http://192.168.1.21", "such as 192.168.1.21, eth0 or eth0:2376"),
        ("a b", "invalid --cluster-advertise 'a b'"),
    ],
)
async def test_mistakes_are_refused_with_what_is_here(text: str, says: str) -> None:
    said = await refusal(text)
    assert says in said
    assert "192.168.1.21" in said or "the port" in says


async def test_a_host_without_addresses_is_told_so() -> None:
    assert "it has no address that others could reach" in await refusal("10.0.0.1", LOCAL[:2])
    assert "give it one first" in await refusal("127.0.0.1", LOCAL[:2])


async def test_many_addresses_are_not_all_listed() -> None:
    many = [(f"e{n}", f"10.0.0.{n}", 1500) for n in range(1, 30)]
    said = await refusal("10.9.9.9", many)
    assert "10.0.0.6 on e6 and 23 more" in said


async def test_a_name_server_that_says_nothing_is_not_waited_for() -> None:
    done = threading.Event()

    def silent(_name: str) -> Sequence[str]:
        done.wait(10)
        return ["192.168.1.21"]

    try:
        with pytest.raises(InvalidInput, match=r"did not answer within 0\.05 seconds"):
            await resolve("h1", LOCAL, silent, patience=0.05)
    finally:
        done.set()


async def test_the_hosts_own_addresses_can_be_read() -> None:
    found = host.addresses()
    assert all(device and mtu > 0 for device, _, mtu in found)
    for device, address, _ in found:
        if ":" not in address and device != "lo":
            assert (await resolve(address, found)).device == device
