"""IPv6 inside an overlay: first packets, moves, subnets of IPv6 alone."""

from tests.cluster.town import Town, pinging

SIX = "fd00:7::50"


def test_no_first_packet_is_lost(town: Town) -> None:
    """A container's first deed is one ping by IPv6 across hosts; and one to it at once."""
    town.create("--ipv6 --subnet 10.7.0.0/24 --subnet fd00:7::/64 net1")
    town.idle("h1", f"--name base --network net1 --ip6 {SIX}")
    lost = []
    for turn in range(8):
        on = ("h2", "h3")[turn % 2]
        first = town.docker(on, "run --rm --network net1 box:1 ping -6 -c1 -W1 base", check=False)
        town.idle(on, f"--name fresh{turn} --network net1")
        fresh = town[on].inspect(f"fresh{turn}")["NetworkSettings"]["Networks"]["net1"]["GlobalIPv6Address"]
        back = town.inside("h1", "base", "ping", "-6", "-c1", "-W1", fresh, check=False)
        lost += [done.text for done in (first, back) if done.code]
    assert not lost, "\n".join(lost)
    town.same_as_facts()


def test_moved(town: Town) -> None:
    """An IPv6 address that moves with another MAC address is followed within a second, there and back."""
    town.create("--ipv6 --subnet 10.7.0.0/24 --subnet fd00:7::/64 net1")
    town.idle("h3", "--name looker --network net1")
    town.idle("h1", f"--name mover --network net1 --ip6 {SIX}")
    slow = []
    with pinging(town, "h3", "looker", SIX) as ping:
        for turn, (off, on) in enumerate((("h1", "h2"), ("h2", "h1")) * 2):
            town.docker(off, "rm -f mover")
            mac = f"02:42:00:00:00:{turn + 1:02x}"
            town.idle(on, f"--name mover --network net1 --ip6 {SIX} --mac-address {mac}")
            took = ping.followed(within=3)
            slow += [f"turn {turn}: {took:.2f} s"] if took >= 1 else []
    assert not slow, slow
    town.same_as_facts()


def test_two_subnets_of_each_family(town: Town) -> None:
    """The lower ones are one segment, however the CLI sends them; the first packet passes."""
    subnets = "fd00:8::/64 10.7.0.0/24 fd00:7::/64 10.8.0.0/24"
    for turn in range(4):
        name = f"net{turn}"
        identity = town.create("--ipv6 " + " ".join(f"--subnet {s}" for s in subnets.split()) + f" {name}")
        town.idle("h1", f"--name one --network {name} --ip 10.7.0.11 --ip6 fd00:7::11")
        place = f"--network {name} --ip 10.8.0.12 --ip6 fd00:8::12"
        first = town.docker("h2", f"run --rm {place} box:1 ping -6 -c1 -W1 fd00:7::11", check=False)
        assert not first.code, first.text
        town.idle("h3", f"--name two {place}")
        town.same_as_facts()
        town.pairs_ping({"one": "h1", "two": "h3"})
        town.inside("h3", "two", "ping", "-4", "-c1", "-W1", "10.7.0.11")
        assert [v["linkinfo"]["info_data"]["id"] for v in town.room("h1", identity).vxlan()] == [256, 257]
        town.empty()


def test_subnets_that_do_not_belong_together(town: Town) -> None:
    """An IPv4 and an IPv6 address of different segments are refused, and it is said which belong together."""
    subnets = ("10.7.0.0/24", "10.8.0.0/24", "fd00:7::/64", "fd00:8::/64")
    town.create("--ipv6 " + " ".join(f"--subnet {s}" for s in subnets) + " net1")
    place = "--network net1 --ip 10.7.0.11 --ip6 fd00:8::11"
    refused = town.docker("h1", f"run -d {place} box:1 sleep 600", check=False)
    assert refused.code
    assert "10.7.0.0/24 with fd00:7::/64; 10.8.0.0/24 with fd00:8::/64" in refused.text


def test_without_ipv4(town: Town) -> None:
    """A network of IPv6 alone: names and packets across hosts."""
    town.create("--ipv4=false --ipv6 --subnet fd00:9::/64 net1")
    town.idle("h1", "--name over1 --network net1")
    town.idle("h2", "--name over2 --network net1")
    town.same_as_facts()
    town.inside("h1", "over1", "ping", "-6", "-c1", "-W1", _six(town, "h2", "over2"))
    asked = town.inside("h1", "over1", "dig", "+short", "@127.0.0.11", "-t", "AAAA", "over2").out.split()
    assert asked == [_six(town, "h2", "over2")]


def _six(town: Town, on: str, name: str) -> str:
    return str(town[on].inspect(name)["NetworkSettings"]["Networks"]["net1"]["GlobalIPv6Address"])
