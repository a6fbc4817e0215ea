"""The single-host half of the tutorial as data: what is typed where, and what must come back."""

from seaway.lab.scene import Chapter, Step


def step(
    command: str, shows: str = "", *, where: str = "host", fails: bool = False, patience: float = 0.0
) -> Step:
    """A step on the host, unless it is one of the LAN's (``lan``)."""
    return Step(where, command, shows, fails, patience)


_WEBAPP = "training/webapp python app.py"
_ID = r"[0-9a-f]{64}"


def _ask(url: str) -> str:
    return f"curl {url}"


def _inside(url: str) -> str:
    return f"timeout 5 wget -q -O - {url}"


def _name_namespace(name: str) -> str:
    return (
        "mkdir -p /var/run/netns; "
        f"ln -s /proc/$(docker inspect -f '{{{{.State.Pid}}}}' {name})/ns/net /var/run/netns/{name}"
    )


_BRIDGE = Chapter(
    "bridge",
    "The default: a Linux bridge, a veth pair for each container, NAT, a published port.",
    (
        step("docker network ls", r"bridge\s+bridge\s+local"),
        step(f"docker run -d --name web1 -p 5001:5001 {_WEBAPP}", _ID),
        step("docker ps", r"0\.0\.0\.0:5001->5001/tcp.*web1"),
        step("docker port web1", r"5001/tcp -> 0\.0\.0\.0:5001"),
        step("ip -br link show type bridge", r"docker0\s+UP"),
        step("bridge link", r"veth\w+.* master docker0"),
        step(_name_namespace("web1")),
        step("ip netns exec web1 ip a", r"eth0@.*\n.*02:42:ac:11:00:02.*\n.*172\.17\.0\.2/16"),
        step("ip netns exec web1 ip route", r"default via 172\.17\.0\.1 dev eth0"),
        step(_ask("http://192.168.1.20:5001/"), "Hello", where="lan"),
        step(_ask("http://192.168.1.20:5001/"), "Hello"),
        step(_ask("http://127.0.0.1:5001/"), "Hello"),
        step("docker run --rm training/webapp " + _inside("http://192.168.1.20:5001/"), "Hello", patience=5),
        step("docker exec web1 " + _inside("http://192.168.1.20:5001/"), "Hello", patience=5),
        step("docker exec web1 ping -c 2 203.0.113.1", "2 received|2 packets received"),
        step("nft list table inet seaway | grep -m 1 masquerade", "masquerade"),
        step(f"docker run -d --name web2 -p 5001:5001 {_WEBAPP}", "port is already allocated", fails=True),
        step("docker rm -f web1 web2; rm /var/run/netns/web1", "web1"),
    ),
)

_USER_BRIDGE = Chapter(
    "a bridge of your own",
    "Another subnet, names instead of addresses, and walls between bridges.",
    (
        step("docker network create --subnet 10.5.0.0/24 --gateway 10.5.0.1 mynet", _ID),
        step(f"docker run -d --name db --network mynet --ip 10.5.0.20 --network-alias store {_WEBAPP}", _ID),
        step("docker run --rm --network mynet training/webapp ping -c 1 db", r"10\.5\.0\.20"),
        step(
            "docker run --rm --network mynet training/webapp " + _inside("http://store:5001/"),
            "Hello",
            patience=5,
        ),
        step(
            "docker run --rm training/webapp ping -c 1 -W 1 10.5.0.20",
            "0 received|100% packet loss",
            fails=True,
        ),
        step(f"docker run -d --name loner {_WEBAPP}", _ID),
        step("docker network connect mynet loner"),
        step("docker exec loner ping -c 1 db", r"10\.5\.0\.20"),
        step("docker network disconnect mynet loner"),
        step("docker network rm mynet", "has active endpoints", fails=True),
        step("docker rm -f db loner; docker network rm mynet", "mynet"),
    ),
)

_HOST = Chapter(
    "host",
    "No network namespace of its own: the host's address, the host's devices, the host's ports.",
    (
        step(
            f"docker run -d --name hostc1 --network host -p 5001:5001 {_WEBAPP}",
            "Published ports are discarded when using host network mode",
        ),
        step(_name_namespace("hostc1")),
        step("ip netns exec hostc1 ip a", r"(?s)lo:.*eth0@.*192\.168\.1\.20/24"),
        step(_ask("http://192.168.1.20:5001/"), "Hello", where="lan"),
        step(
            f"docker run --rm --network host {_WEBAPP}", "Address already in use|address in use", fails=True
        ),
        step("docker rm -f hostc1; rm /var/run/netns/hostc1", "hostc1"),
    ),
)

_CONTAINER = Chapter(
    "container",
    "Two containers in one network namespace.",
    (
        step(f"docker run -d --name hostcs1 -p 5001:5001 {_WEBAPP}", _ID),
        step(_ask("http://192.168.1.20:5001/"), "Hello", where="lan"),
        step("docker run -d --name hostcs2 --network container:hostcs1 training/webapp sleep 600", _ID),
        step("docker exec hostcs2 ip addr show eth0", r"172\.17\.0\.2/16"),
        step("docker exec hostcs2 " + _inside("http://127.0.0.1:5001/"), "Hello", patience=5),
        step(
            "for c in hostcs1 hostcs2; do\n"
            "  readlink /proc/$(docker inspect -f '{{.State.Pid}}' $c)/ns/net; done",
            r"(net:\[\d+\])\n\1",
        ),
        step(
            f"docker run --rm --network container:hostcs1 {_WEBAPP}",
            "Address already in use|address in use",
            fails=True,
        ),
        step("docker rm -f hostcs2 hostcs1", "hostcs1"),
    ),
)

_NONE = Chapter(
    "none",
    "Only loopback.",
    (
        step(f"docker run -d --name hostn1 --network none {_WEBAPP}", _ID),
        step(_name_namespace("hostn1")),
        step("ip netns exec hostn1 ip a", r"^1: lo(?![\s\S]*\n\d+: )"),
        step("docker exec hostn1 ping -c 1 -W 1 192.168.1.20", "nreachable", fails=True),
        step("docker network connect bridge hostn1", "private \\(none\\) mode", fails=True),
        step("docker rm -f hostn1; rm /var/run/netns/hostn1", "hostn1"),
    ),
)

CHAPTERS = (_BRIDGE, _USER_BRIDGE, _HOST, _CONTAINER, _NONE)
"""The story, in order."""
