"""Names of containers on other hosts."""

import time

from tests.cluster.town import Town


def test_names_across_hosts(town: Town) -> None:
    """Container name, aliases, short ID and host name; not on other networks."""
    town.create("net1")
    town.create("net2")
    identity = town.idle(
        "h2", "--name over2 --hostname beta --network net1 --network-alias db --network-alias sql"
    )
    town.idle("h1", "--name over1 --network net1")
    town.idle("h1", "--name stranger --network net2")
    address = {town.address("h2", "over2", "net1")}
    for name in ("over2", "db", "sql", "beta", identity[:12], "over2.net1", "OVER2"):
        assert town.asked("h1", "over1", name) == address, name
    assert town.asked("h1", "stranger", "over2") == set()
    assert town.asked("h1", "over1", "nobody") == set()


def test_reverse(town: Town) -> None:
    """The address of a container on another host gives name.network."""
    town.create("net1")
    town.idle("h1", "--name over1 --network net1")
    town.idle("h2", "--name over2 --network net1 --network-alias db")
    assert town.asked("h1", "over1", town.address("h2", "over2", "net1")) == {"over2.net1."}
    assert town.asked("h2", "over2", town.address("h1", "over1", "net1")) == {"over1.net1."}
    said = town.execute("h1", "over1", "nslookup", town.address("h2", "over2", "net1"))
    assert "over2.net1" in said


def test_one_alias_on_three_hosts(town: Town) -> None:
    """All addresses are answered, each one first now and then; one that goes is answered no more."""
    town.create("net1")
    for number, on in enumerate(town.hosts, 1):
        town.idle(on, f"--name web{number} --network net1 --network-alias web")
    wanted = {town.address(on, f"web{n}", "net1") for n, on in enumerate(town.hosts, 1)}
    for number, on in enumerate(town.hosts, 1):
        town.wait(lambda on=on, n=number: town.asked(on, f"web{n}", "web") == wanted, 1)
    script = "for i in $(seq 40); do dig +short @127.0.0.11 web | head -1; done | sort -u"
    assert set(town.inside("h1", "web1", "sh", "-c", script).out.split()) == wanted
    gone = town.address("h3", "web3", "net1")
    town.docker("h3", "rm -f web3")
    town.wait(lambda: town.asked("h1", "web1", "web") == wanted - {gone}, 1)
    town.docker("h2", "network disconnect net1 web2")
    town.wait(lambda: len(town.asked("h1", "web1", "web")) == 1, 1)


def test_known_and_gone_within_a_second(town: Town) -> None:
    """Known on all hosts within a second of the start; gone within one of rm, stop and kill."""
    town.create("net1")
    for on in ("h1", "h3"):
        town.idle(on, f"--name looker-{on} --network net1")
    late = []

    def shown(what: str, there: bool, since: float) -> None:
        for on in ("h1", "h3"):
            town.wait(lambda on=on: bool(town.asked(on, f"looker-{on}", "over2")) == there, 3, 0.02)
            took = time.monotonic() - since
            late.extend([f"{what} on {on}: {took:.2f} s"] if took >= 1 else [])

    town.idle("h2", "--name over2 --network net1")
    shown("run", True, time.monotonic())
    for verb, there in (
        ("stop -t 0 over2", False),
        ("start over2", True),
        ("kill over2", False),
        ("start over2", True),
        ("rm -f over2", False),
    ):
        town.docker("h2", verb)
        shown(verb, there, time.monotonic())
    assert not late, late


def test_renamed(town: Town) -> None:
    """The new name is known on other hosts, the old one no more."""
    town.create("net1")
    town.idle("h1", "--name over1 --network net1")
    town.idle("h2", "--name over2 --network net1")
    address = {town.address("h2", "over2", "net1")}
    town.docker("h2", "rename over2 other")
    town.wait(lambda: town.asked("h1", "over1", "other") == address, 1)
    town.wait(lambda: town.asked("h1", "over1", "over2") == set(), 1)
    town.same_as_facts()


def test_one_name_on_two_hosts(town: Town) -> None:
    """Container names are each host's own: both addresses are answered."""
    town.create("net1")
    town.idle("h1", "--name same --network net1")
    town.idle("h2", "--name same --network net1")
    town.idle("h3", "--name looker --network net1")
    both = {town.address(on, "same", "net1") for on in ("h1", "h2")}
    assert len(both) == 2
    town.wait(lambda: town.asked("h3", "looker", "same") == both, 1)
