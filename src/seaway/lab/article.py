"""The tutorial's section on many hosts: one overlay network, two containers, and ping both ways."""

from seaway.lab.scene import OUTSIDE, Chapter, Step, Story

_IMAGE = "training/webapp"
_ID = r"^[0-9a-f]{64}$"
_NO_LOSS = r"3 (packets )?received.* 0% packet loss"

OVER1, OVER2 = "10.0.0.3", "10.0.0.2"
MAC1, MAC2 = "02:42:0a:00:00:03", "02:42:0a:00:00:02"


def _name_namespace(where: str, name: str) -> Step:
    pid = f"$(docker inspect -f '{{{{.State.Pid}}}}' {name})"
    return Step(where, f"mkdir -p /var/run/netns; ln -sf /proc/{pid}/ns/net /var/run/netns/{name}")


def _inside(where: str, name: str, address: str, mac: str) -> tuple[Step, ...]:
    return (
        _name_namespace(where, name),
        Step(
            where,
            f"ip netns exec {name} ip a",
            rf"(?s)(?=.*eth0@.{{9,60}} mtu 1450 .*?{mac}.*?{address}/24)"
            r"(?=.*eth1@.{9,60} mtu 1500 .*?172\.\d+\.0\.2/16)",
        ),
        Step(
            where,
            f"ip netns exec {name} ip route",
            r"(?s)default via 172\.\d+\.0\.1 dev eth1.*10\.0\.0\.0/24 dev eth0.*172\.\d+\.0\.0/16 dev eth1",
        ),
    )


def _tables(where: str, mac: str, address: str, host: str) -> tuple[Step, ...]:
    hidden = "ip netns exec overlaynet1"
    return (
        Step(where, "ln -sf /run/seaway/netns/1-* /var/run/netns/overlaynet1"),
        Step(
            where,
            f"{hidden} ip -d link show type vxlan",
            r"(?s)vx-000100-\w{5}.*mtu 1450.*master ov-000100-\w{5}.*vxlan id 256.* 4789.*nolearning.*proxy",
        ),
        Step(
            where, f"{hidden} bridge fdb show | grep dst", rf"{mac} dev vx-000100-\w+ dst {host} .*permanent"
        ),
        Step(where, f"{hidden} ip neigh", rf"{address} dev vx-000100-\w+ lladdr {mac} .*PERMANENT"),
    )


_NETWORK = Chapter(
    "one network, made on one host, there on all",
    "The store holds it; the daemons speak to the store and not to each other.",
    (
        Step("h1", "docker network create -d overlay overlaynet1", _ID),
        Step(
            "h1",
            "docker network inspect overlaynet1",
            r'(?s)"Scope": "global".*"Driver": "overlay".*"Subnet": "10\.0\.0\.0/24".*"10\.0\.0\.1\b',
        ),
        Step("h2", "docker network ls", r"overlaynet1\s+overlay\s+global", patience=2),
    ),
)

_CONTAINERS = Chapter(
    "a container on each host",
    "eth0 is on the overlay; eth1 is on docker_gwbridge, the ordinary way out.",
    (
        Step("h2", f"docker run -d --name over2 --network overlaynet1 {_IMAGE} python app.py", _ID),
        Step("h1", f"docker run -d --name over1 --network overlaynet1 {_IMAGE} python app.py", _ID),
        *_inside("h2", "over2", OVER2, MAC2),
        *_inside("h1", "over1", OVER1, MAC1),
        Step(
            "h1", "docker network inspect overlaynet1", rf"(?s)(?=.*{OVER1}/24)(?=.*{OVER2}/24)", patience=2
        ),
        Step("h1", "docker network ls", r"docker_gwbridge\s+bridge\s+local"),
    ),
)

_PING = Chapter(
    "they reach each other",
    "By name and by address, both ways, from the first packet on.",
    (
        Step("h1", "docker exec over1 ping -c 3 over2", _NO_LOSS),
        Step("h2", "docker exec over2 ping -c 3 over1", _NO_LOSS),
        Step("h1", f"docker exec over1 ping -c 3 {OVER2}", _NO_LOSS),
        Step("h1", "docker exec over1 wget -q -O - http://over2:5001/", "Hello", patience=5),
        Step("h2", "docker exec over2 ping -c 3 203.0.113.1", _NO_LOSS),
    ),
)

_WHY = Chapter(
    "why it works",
    "The two entries that the tutorial's author had to add by hand are there, on both hosts.",
    (
        *_tables("h1", MAC2, OVER2, "192.168.1.20"),
        *_tables("h2", MAC1, OVER1, "192.168.1.21"),
    ),
)

_REBOOT = Chapter(
    "a host loses its power",
    "In the tutorial its container could not be started again, and the network had to be made anew.",
    (
        Step(OUTSIDE, "seaway lab kill h1"),
        Step("h2", f"docker exec over2 ping -c 1 -W 1 {OVER1}", "100% packet loss", fails=True),
        Step(OUTSIDE, "seaway lab start h1"),
        Step("h1", "docker start over1", "over1"),
        Step("h1", "docker exec over1 ping -c 3 over2", _NO_LOSS, patience=5),
        Step("h2", "docker exec over2 ping -c 3 over1", _NO_LOSS, patience=5),
    ),
)

_END = Chapter(
    "gone",
    "What was removed on one host is gone on the other.",
    (
        Step("h1", "docker rm -f over1; rm -f /var/run/netns/over1 /var/run/netns/overlaynet1", "over1"),
        Step("h2", "docker rm -f over2; rm -f /var/run/netns/over2 /var/run/netns/overlaynet1", "over2"),
        Step("h2", "docker network rm overlaynet1", "overlaynet1", patience=2),
        Step("h1", "docker network ls", r"\A(?![\s\S]*overlaynet1)", patience=2),
        Step("h1", "ls /run/seaway/netns | grep ^1-", r"\A\s*\Z", fails=True, patience=2),
    ),
)

ARTICLE = Story(
    words="The tutorial's overlay network over a cluster store, on hosts h1 and h2",
    hosts=2,
    store=True,
    image=_IMAGE,
    chapters=(_NETWORK, _CONTAINERS, _PING, _WHY, _REBOOT, _END),
)
