"""The lab from the command line: built, hurt, healed, taken down; nothing is left, whatever happened."""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seaway.errors import Conflict, Failure, NotFound
from seaway.lab import Lab
from seaway.lab.folder import LABS
from seaway.lab.host import SEAWAY
from seaway.lab.machine import strays

BUSYBOX = Path(__file__).resolve().parents[2] / "build/busybox.tar"


def seaway(*words: str, timeout: float = 90) -> tuple[int, str]:
    """``seaway lab …``: exit status, and all it said."""
    done = subprocess.run(
        [*SEAWAY, "lab", *words], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL
    )
    return done.returncode, done.stdout + done.stderr


def traces(name: str) -> list[str]:
    """Everything of a lab that is still on this machine."""
    mark = f"seaway-lab/{name}"
    found = [f"{LABS / name}"] if (LABS / name).exists() else []
    found += [f"holder {pid}" for pid in strays(LABS / name)]
    found += [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if mark in line]
    found += [str(p) for p in Path("/sys/fs/cgroup").glob("**/seaway-lab/*") if p.name == name]
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark in path.read_bytes().decode(errors="replace"):
                found.append(path.read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def left(name: str, wait: float = 5) -> list[str]:
    """The traces that do not go by themselves in a moment (processes that are dying do)."""
    deadline = time.monotonic() + wait
    while (found := traces(name)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def soon(true: Callable[[], bool], wait: float = 10) -> bool:
    deadline = time.monotonic() + wait
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def name() -> Iterator[str]:
    """A lab's name of the test's own; whatever happens, the lab is gone afterwards."""
    made = f"x-{secrets.token_hex(4)}"
    yield made
    if (LABS / made).exists():
        Lab.clear(made)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Three hosts and etcd, without daemons."""
    with Lab(hosts=3, store="etcd", daemons=False, ephemeral=True) as made:
        yield made


def pings(lab: Lab, start: str, end: str) -> bool:
    return not lab.machine(start).run("ping", "-c1", "-W1", end, check=False).code


def test_the_life_of_a_lab_from_the_command_line(name: str) -> None:
    mine = ("--name", name)
    code, said = seaway("up", *mine, "--hosts", "2", "--image", str(BUSYBOX))
    assert code == 0, said
    assert "192.168.1.21" in said

    code, said = seaway("up", *mine)
    assert (code, "is up already" in said) == (1, True), said

    code, said = seaway("exec", *mine, "h1", "--", "docker", "network", "ls")
    assert code == 0 and re.search(r"bridge\s+bridge\s+local", said), said
    code, said = seaway("exec", *mine, "h2", "--", "seaway", "images")
    assert code == 0 and "busybox" in said, said
    assert seaway("exec", *mine, "h2", "--", "sh", "-c", "hostname; exit 7") == (7, "h2\n")

    assert seaway("cut", *mine, "h2") == (0, "")
    shown = json.loads(seaway("ls", *mine, "--json")[1])
    assert [(r["name"], r["address"], r["power"], r["wire"], r["daemon"]) for r in shown] == [
        ("h1", "192.168.1.21", "on", "connected", "running"),
        ("h2", "192.168.1.20", "on", "down", "running"),
    ]
    assert seaway("heal", *mine, "h2") == (0, "")
    assert seaway("exec", *mine, "h1", "--", "ping", "-c1", "-W2", "h2")[0] == 0

    made = seaway("exec", *mine, "h1", "--", "docker", "run", "-d", "--name", "c1", "busybox", "sleep", "600")
    assert made[0] == 0, made[1]
    seaway("exec", *mine, "h1", "--", "docker", "pause", "c1")
    assert seaway("kill", *mine, "h1") == (0, "")
    code, said = seaway("exec", *mine, "h1", "--", "true")
    assert (code, said) == (1, "h1 is off; seaway lab start h1 boots it\n")
    assert seaway("start", *mine, "h1") == (0, "")
    said = seaway("exec", *mine, "h1", "--", "docker", "ps", "-a")[1]
    assert re.search(r"Exited.*c1", said), said

    for how in ((), ("--kill",)):
        assert seaway("restart", *mine, *how, "h1", "h2") == (0, "")
    assert "level=" in seaway("logs", *mine, "-n", "3", "h1")[1]

    assert seaway("down", *mine) == (0, "")
    assert left(name) == []
    code, said = seaway("down", *mine)
    assert code == 1 and f"there is no lab {name}" in said


def test_a_cut_host_reaches_nobody_until_it_is_healed(lab: Lab) -> None:
    for silent, wire in ((False, "down"), (True, "silent")):
        lab.cut("h2", silent=silent)
        assert lab.rows()[1]["wire"] == wire
        carrier = lab.host("h2").run("cat", "/sys/class/net/eth0/carrier", check=False).out.strip()
        assert carrier == ("1" if silent else "0")
        assert not pings(lab, "h2", "192.168.1.21") and not pings(lab, "h1", "192.168.1.20")
        assert not pings(lab, "h2", "192.168.1.18")
        assert pings(lab, "h1", "192.168.1.19"), "the others still reach each other"
        lab.heal("h2")
        assert lab.rows()[1]["wire"] == "connected"
        assert soon(lambda: pings(lab, "h1", "192.168.1.20") and pings(lab, "h2", "fd00:c0a8:1::19"))


def test_a_host_that_was_cut_and_loses_its_power_is_still_cut_when_it_boots(lab: Lab) -> None:
    lab.cut("h3")
    lab.kill("h3")
    assert lab.rows()[2]["power"] == "off" and lab.rows()[2]["wire"] == "none"
    lab.start("h3")
    assert lab.rows()[2]["wire"] == "down"
    lab.heal("h3")
    assert soon(lambda: pings(lab, "h1", "192.168.1.19"))


def test_a_power_cut_ends_everything_and_the_disk_stays(lab: Lab) -> None:
    host = lab.host("h1")
    (host.root / "kept").write_text("here")
    host.sh("echo gone > /run/gone; sleep 987654 >/dev/null 2>&1 & ip link add left type bridge")
    lab.kill("h1")
    alive = [p for p in Path("/proc").glob("[0-9]*/cmdline") if _has(p, "987654")]
    assert not alive
    assert Lab.open(lab.name).rows()[0]["power"] == "off"
    with pytest.raises(Conflict, match="h1 is off"):
        host.run("true")
    lab.start("h1")
    assert host.sh(f"cat {host.root}/kept; ls /run/gone /sys/class/net/left", check=False).out == "here"
    assert pings(lab, "h2", "192.168.1.21"), "its network card has the address that the others know"


def _has(cmdline: Path, word: str) -> bool:
    try:
        return word in cmdline.read_text().split("\0")
    except OSError:
        return False


def test_a_store_is_stopped_killed_frozen_and_serves_again_with_its_data(lab: Lab) -> None:
    node, store = lab.store.nodes[0], lab.store
    etcdctl = ("env", "ETCDCTL_API=3", "etcdctl", "--command-timeout=1s", "--endpoints=192.168.1.18:2379")
    lab.host("h1").run(*etcdctl, "put", "k", "v1")
    for hurt, mend, state in (
        (store.stop, store.start, "stopped"),
        (store.kill, store.start, "stopped"),
        (store.freeze, store.thaw, "frozen"),
        (store.freeze, store.start, "frozen"),
    ):
        hurt()
        assert node.state("store") == state == lab.rows()[3]["daemon"]
        assert lab.host("h1").run(*etcdctl, "get", "k", check=False).code
        mend()
        assert soon(node.ready)
        assert "v1" in lab.host("h1").run(*etcdctl, "get", "k").out
    lab.kill("store")
    lab.start("store")
    assert soon(node.ready)
    assert "v1" in lab.host("h2").run(*etcdctl, "get", "k").out
    store.stop()
    with pytest.raises(Conflict, match="does not run; seaway lab store start"):
        store.freeze()
    store.start()


def test_a_lab_is_found_again_and_names_what_it_has(lab: Lab) -> None:
    again = Lab.open(lab.name)
    assert again.host("h2").sh("hostname").out == "h2\n"
    assert again.store.url == "etcd://192.168.1.18:2379"
    for wrong in (again.host, again.machine, again.cut, again.kill):
        with pytest.raises(NotFound, match=r"there is no 'h9' in lab .*; there are h1, h2, h3"):
            wrong("h9")


def test_two_labs_at_once_know_nothing_of_each_other(lab: Lab) -> None:
    with Lab(hosts=1, daemons=False, ephemeral=True) as other:
        assert other.name != lab.name
        assert not pings(other, "h1", "192.168.1.20"), "h2 is the other lab's"
        assert pings(lab, "h1", "192.168.1.20")
        names = {row["lab"] for row in json.loads(seaway("ls", "--json")[1])}
        assert {lab.name, other.name} <= names
    assert pings(lab, "h1", "192.168.1.20")
    assert left(other.name) == []


def test_an_up_that_fails_leaves_nothing_and_says_why(name: str) -> None:
    code, said = seaway("up", "--name", name, "--store", "etcd", "--store-flag=--nonsense")
    assert code == 1 and "the etcd server on store ended" in said and "nonsense" in said, said
    assert left(name) == []
    code, said = seaway("up", "--name", name, "--hosts", "1", "--daemon-flag=--nonsense")
    assert code == 1 and "the daemon on h1 ended" in said and "unknown flag" in said, said
    assert left(name) == []


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_up_leaves_nothing_or_what_down_clears(name: str, sign: signal.Signals) -> None:
    building = subprocess.Popen(
        [*SEAWAY, "lab", "up", "--name", name, "--hosts", "30", "--no-daemons"], stdout=subprocess.PIPE
    )
    assert building.stdout
    while b"host h3" not in building.stdout.readline():
        assert building.poll() is None
    building.send_signal(sign)
    building.stdout.close()
    assert building.wait(20)
    if sign == signal.SIGKILL:
        assert traces(name)
        with pytest.raises(Conflict, match="seaway lab down --name"):
            Lab(name).up()
        assert seaway("ls")[0] == 0
        assert seaway("down", "--name", name) == (0, "")
    assert left(name) == []


def test_an_ephemeral_lab_dies_with_its_maker(name: str) -> None:
    script = (
        "import os, signal; from seaway.lab import Lab;"
        f"Lab({name!r}, hosts=2, store='etcd', daemons=False, ephemeral=True).up();"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script], timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert soon(lambda: not strays(LABS / name)), "its machines are gone by themselves"
    seaway("ls")
    assert left(name) == [], "and the next look at the labs clears its folder away"


@pytest.mark.parametrize("store", ["etcd", "consul", "zookeeper"])
def test_a_store_of_three_survives_the_loss_of_one(store: str) -> None:
    try:
        made = Lab(hosts=1, store=store, members=3, daemons=False, ephemeral=True).up()
    except Failure:
        raise
    except Exception as error:
        if "not on this machine" in str(error) or "no ZooKeeper" in str(error):
            pytest.skip(str(error))
        raise
    try:
        nodes = made.store.nodes
        assert [n.address for n in nodes] == ["192.168.1.18", "192.168.1.17", "192.168.1.16"]
        assert all(node.ready() for node in nodes)
        made.store.kill("store2")
        assert soon(lambda: nodes[0].ready() and nodes[2].ready(), 20)
        made.store.start("store2")
        assert nodes[1].ready()
    finally:
        made.down()


def test_what_cannot_be_is_told_in_plain_words(name: str) -> None:
    mine = ("--name", name)
    for words, told in (
        (("up", *mine, "--store", "mongo"), "choose one of etcd, consul, zookeeper, none"),
        (("up", *mine, "--store", "consul", "--consul", "/nowhere"), "/nowhere is no program"),
        (("up", *mine, "--image", "/nowhere.tar"), "there is no image archive /nowhere.tar"),
        (("up", *mine, "--image", str(BUSYBOX), "--no-daemons"), "this lab is to have none"),
        (("exec", *mine, "h1", "true"), f"seaway lab up --name {name} builds it"),
        (("run", *mine, "article"), f"there is no lab {name}"),
    ):
        code, said = seaway(*words)
        assert code == 1 and told in said, (words, said)
        assert "Traceback" not in said
    assert left(name) == []


def test_it_says_that_it_needs_root(name: str) -> None:
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *SEAWAY, "lab", "up", "--name", name],
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": "/"},
    )
    if "Permission denied" in done.stderr and "python" in done.stderr:
        pytest.skip("this Python is not for other users")
    assert (done.returncode, "needs root" in done.stderr) == (1, True), done.stderr
