"""The store's URL: what is allowed, and what the refusals say."""

import pytest

from seaway.errors import InvalidInput
from seaway.store.place import place


def test_a_plain_url() -> None:
    found = place("etcd://192.168.1.18:2379", {})
    assert (found.scheme, found.servers, found.prefix) == ("etcd", (("192.168.1.18", 2379),), "seaway")
    assert found.address == "etcd://192.168.1.18:2379" and not found.tls


def test_several_servers_a_prefix_a_user_and_tls() -> None:
    given = {"kv.cacertfile": "/ca", "kv.certfile": "/c", "kv.keyfile": "/k", "discovery.ttl": "30s"}
    found = place("zookeeper://me:p%40ss@a,b:99,[fd00::1]:7/some/where/", given)
    assert found.servers == (("a", 2181), ("b", 99), ("fd00::1", 7))
    assert (found.user, found.password, found.prefix) == ("me", "p@ss", "some/where/seaway")
    assert (found.ca, found.cert, found.key, found.tls) == ("/ca", "/c", "/k", True)
    assert place("etcd://h/a", {"kv.path": "b/c"}).prefix == "b/c/seaway"
    assert found.address == "zk://a:2181,b:99,[fd00::1]:7/some/where"
    assert "p@ss" not in repr(found)


@pytest.mark.parametrize(
    ("url", "options", "words"),
    [
        ("192.168.1.18:2379", {}, "etcd://HOST:PORT"),
        ("redis://u:secret@h:1", {}, "redis://h:1"),
        ("etcd://", {}, "no host name"),
        ("etcd://[fd00::1", {}, "invalid server '[fd00::1'"),
        ("etcd://h:port", {}, "invalid server 'h:port'"),
        ("etcd://h", {"kv.certfile": "/c"}, "go together"),
        ("etcd://h", {"kv.cafile": "/c"}, "known are kv.cacertfile"),
    ],
)
def test_wrong_ones(url: str, options: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        place(url, options)
    assert words in str(caught.value) and "secret" not in str(caught.value)
