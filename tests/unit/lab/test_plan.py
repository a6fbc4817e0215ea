"""A lab's plan: names, addresses, limits."""

import json
from pathlib import Path

import pytest

from seaway.errors import InvalidInput
from seaway.lab.plan import MOST_HOSTS, MOST_MEMBERS, Place, Plan, host_number
from seaway.lab.stores import STORES, Member


def test_the_first_addresses_are_the_tutorials() -> None:
    plan = Plan(hosts=5, store="etcd")
    assert [(p.name, p.address) for p in plan.host_places] == [
        ("h1", "192.168.1.21"),
        ("h2", "192.168.1.20"),
        ("h3", "192.168.1.19"),
        ("h4", "192.168.1.22"),
        ("h5", "192.168.1.23"),
    ]
    assert plan.host_places[0].address6 == "fd00:c0a8:1::21"
    assert plan.store_places == (Place("store", 18),)


def test_no_two_machines_share_a_number_however_many() -> None:
    plan = Plan(hosts=MOST_HOSTS, store="etcd", members=MOST_MEMBERS)
    numbers = [p.number for p in plan.host_places + plan.store_places]
    assert len(set(numbers)) == len(numbers)
    assert min(numbers) > 1 and max(numbers) < 255
    assert len({p.mac for p in plan.host_places}) == MOST_HOSTS
    assert host_number(4) == 22


def test_every_machine_knows_all_by_name() -> None:
    text = Plan(hosts=2, store="consul", members=3).names
    for line in ("192.168.1.21 h1", "192.168.1.18 store", "192.168.1.16 store3", "fd00:c0a8:1::20 h2-v6"):
        assert f"\n{line}\n" in text


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"name": "Lab"}, "invalid name of a lab 'Lab'"),
        ({"name": "../etc"}, "invalid name"),
        ({"name": "x" * 21}, "up to 20"),
        ({"store": "mongo"}, "choose one of etcd, consul, zookeeper, none"),
        ({"hosts": 0}, "from 1 to 200"),
        ({"hosts": 201}, "from 1 to 200"),
        ({"members": 8}, "from 1 to 7"),
        ({"mtu": 100}, "invalid MTU 100: from 1280 to 65535"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Plan(**wrong)  # type: ignore[arg-type]
    assert told in str(refused.value)


def test_a_plan_comes_back_from_the_file() -> None:
    plan = Plan(name="a1", hosts=3, store="zookeeper", flags=("--x", "y"), store_flags=("-z",), mtu=9000)
    assert Plan.from_json(json.loads(json.dumps(plan.as_json()))) == plan


@pytest.mark.parametrize("kind", STORES)
def test_a_store_of_three_servers_knows_all_of_them(kind: str) -> None:
    plan = Plan(store=kind, members=3)
    commands = set()
    for place in plan.store_places:
        member = Member(
            place=place,
            all=plan.store_places,
            folder=Path("/data"),
            program="server",
            flags=("--more",),
        )
        words = " ".join([*STORES[kind].command(member), *STORES[kind].files(member).values()])
        assert all(p.address in words for p in plan.store_places), words
        assert "--more" in words
        commands.add(words)
    assert len(commands) == 3
    assert STORES[kind].url(plan) == f"{STORES[kind].scheme}://" + ",".join(
        f"192.168.1.{n}:{STORES[kind].port}" for n in (18, 17, 16)
    )
