"""The texts of the three files, letter by letter."""

import pytest

from seaway.dns.files import host_mode_hosts, hostname, hosts, ndots, resolv_conf, split_host, upstreams

HEAD = (
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\n"
    "ff00::0\tip6-mcastprefix\n"
    "ff02::1\tip6-allnodes\n"
    "ff02::2\tip6-allrouters\n"
)
HOST = "# mine\nsearch lan.example\nnameserver 192.0.2.1\nnameserver 127.0.0.53\noptions edns0\n"


def test_hosts() -> None:
    assert hosts([]) == HEAD
    assert hosts([("172.17.0.2/16", "8ab1f82a3a68")]) == HEAD + "172.17.0.2\t8ab1f82a3a68\n"
    text = hosts(
        [("10.0.0.2/24", "h1.dom h1"), ("fd00::2/64", "h1.dom h1")], ["a:1.2.3.4", "six:[2001:db8::1]"]
    )
    assert text == HEAD + "1.2.3.4\ta\n2001:db8::1\tsix\n10.0.0.2\th1.dom h1\nfd00::2\th1.dom h1\n"
    assert hosts([], ipv6=False) == "127.0.0.1\tlocalhost\n"
    assert hostname("8ab1f82a3a68") == "8ab1f82a3a68\n"
    assert host_mode_hosts("127.0.0.1 localhost\n") == "127.0.0.1 localhost\n"
    assert host_mode_hosts("127.0.0.1 localhost", ["a:1.2.3.4"]) == "127.0.0.1 localhost\n1.2.3.4\ta\n"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a:1.2.3.4", ("a", "1.2.3.4")),
        ("a=1.2.3.4", ("a", "1.2.3.4")),
        ("a:::1", ("a", "::1")),
        ("a:[::1]", ("a", "::1")),
        ("h:host-gateway", ("h", "host-gateway")),
    ],
)
def test_extra_hosts(text: str, parts: tuple[str, str]) -> None:
    assert split_host(text) == parts


def test_a_user_defined_network_asks_the_embedded_resolver() -> None:
    assert resolv_conf("nameserver 127.0.0.53\n", embedded=True) == (
        "nameserver 127.0.0.11\noptions ndots:0\n",
        ("127.0.0.53%host",),
    )
    text, servers = resolv_conf(HOST, embedded=True)
    assert text == "search lan.example\nnameserver 127.0.0.11\noptions edns0 ndots:0\n"
    assert servers == ("192.0.2.1", "127.0.0.53%host")


def test_what_the_user_gives_replaces_the_hosts() -> None:
    text, servers = resolv_conf(
        HOST,
        ["198.51.100.1", "127.0.0.1"],
        ["a.example", "b.example"],
        ["timeout:1", "ndots:2"],
        embedded=True,
    )
    assert text == "search a.example b.example\nnameserver 127.0.0.11\noptions timeout:1 ndots:2\n"
    assert servers == ("198.51.100.1", "127.0.0.1"), "a loopback given by the user is the container's"
    assert resolv_conf(HOST, search=["."], embedded=True)[0] == (
        "nameserver 127.0.0.11\noptions edns0 ndots:0\n"
    )


def test_the_default_bridge_copies_without_loopback() -> None:
    assert resolv_conf(HOST) == (
        "# mine\nsearch lan.example\nnameserver 192.0.2.1\noptions edns0\n",
        (),
    )
    assert resolv_conf("nameserver 127.0.0.53\n")[0] == "\nnameserver 8.8.8.8\nnameserver 8.8.4.4\n"
    assert resolv_conf("nameserver ::1\n")[0] == "\nnameserver 8.8.8.8\nnameserver 8.8.4.4\n"
    assert resolv_conf("nameserver 2001:db8::53\n", ipv6=False)[0].endswith(
        "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"
    )
    assert resolv_conf("nameserver 2001:db8::53\n", ipv6=True)[0] == "nameserver 2001:db8::53\n"


def test_the_default_bridge_with_the_users_servers() -> None:
    assert resolv_conf(HOST, ["198.51.100.1"])[0] == (
        "search lan.example\nnameserver 198.51.100.1\noptions edns0\n"
    )
    assert resolv_conf(HOST, search=["x.example"])[0] == (
        "search x.example\nnameserver 192.0.2.1\noptions edns0\n"
    )
    assert resolv_conf("", options=["rotate"], ipv6=False)[0] == (
        "nameserver 8.8.8.8\nnameserver 8.8.4.4\noptions rotate\n"
    )


def test_host_mode_keeps_the_hosts_file() -> None:
    assert resolv_conf(HOST, host=True) == (HOST, ())
    assert resolv_conf(HOST, ["198.51.100.1"], host=True)[0].splitlines()[1] == "nameserver 198.51.100.1"
    assert "nameserver 127.0.0.53" in resolv_conf(HOST, search=["x"], host=True)[0]


def test_upstreams_are_three_at_most_and_only_addresses() -> None:
    text = "nameserver a.example\nnameserver\n" + "".join(
        f"nameserver 192.0.2.{n}\n" for n in (1, 1, 2, 3, 4)
    )
    assert upstreams(text) == ("192.0.2.1", "192.0.2.2", "192.0.2.3")
    assert upstreams("nameserver fe80::1%eth0\nnameserver ::1\n") == ("fe80::1%eth0", "::1%host")
    assert upstreams(text, ["198.51.100.9"]) == ("198.51.100.9",)
    assert upstreams("") == ()


def test_ndots_of_options() -> None:
    assert ndots(["timeout:1", "ndots:2"]) == 2
    assert ndots(["ndots:0"]) == 0
    assert ndots(["ndots:x", "rotate"]) == ndots([]) == -1
