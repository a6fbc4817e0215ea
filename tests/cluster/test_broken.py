"""What somebody tried in order to break the overlay: forged packets, and rubbish in the store."""

import json
import socket
import struct
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cluster.town import Town

PORT = 9999

LISTEN = f"""
import socket
door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
door.bind(("", {PORT}))
door.settimeout(3)
try:
    print(door.recv(100).decode())
except TimeoutError:
    print("nothing")
"""

SEND = """
import socket, sys, time
door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(15):
    door.sendto(bytes.fromhex(sys.argv[1]), (sys.argv[2], 4789))
    time.sleep(0.1)
"""


def _forged(vni: int, mac: str, address: str) -> str:
    """A VXLAN packet with a datagram to a container, as hexadecimal digits."""
    datagram = struct.pack("!HHHH", 1234, PORT, 8 + 6, 0) + b"forged"
    packed = [socket.inet_aton(a) for a in ("10.7.0.200", address)]
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(datagram), 1, 0, 64, 17, 0, *packed)
    total = sum(struct.unpack("!10H", header))
    check = ~(total + (total >> 16)) & 0xFFFF
    header = header[:10] + struct.pack("!H", check) + header[12:]
    frame = bytes.fromhex(mac.replace(":", "")) + bytes.fromhex("0242000000990800") + header + datagram
    return (struct.pack("!II", 0x08000000, vni << 8) + frame).hex()


@pytest.mark.parametrize("frm", ["another host", "h1 bridge", "h2 bridge", "h1 other", "h2 other"])
def test_no_container_sends_frames_into_a_network_it_is_not_on(town: Town, frm: str) -> None:
    """By VXLAN packets of its own making, to another host or to its own. A host can: the forgery is good."""
    nid = town.create("--subnet 10.7.0.0/24 net1")
    town.create("other")
    town.idle("h2", "--name victim --network net1 --ip 10.7.0.5 --mac-address 02:42:00:00:00:05")
    [vxlan] = town.room("h2", nid).vxlan()
    vni = int(vxlan["linkinfo"]["info_data"]["id"])
    send = (sys.executable, "-c", SEND, _forged(vni, "02:42:00:00:00:05", "10.7.0.5"), "192.168.1.20")
    on, _, network = frm.partition(" ")
    with ThreadPoolExecutor() as pool:
        heard = pool.submit(town.inside, "h2", "victim", sys.executable, "-c", LISTEN)
        if frm == "another host":
            town["h1"].run(*send)
            assert heard.result().text.strip() == "forged"
        else:
            town.idle(on, f"--name evil --network {network}")
            town.inside(on, "evil", *send)
            assert heard.result().text.strip() == "nothing"


WRITE = """
import asyncio, json, sys
from seaway.store import Delete, Put
from seaway.store.place import place
from seaway.store.table import cluster_store

async def main():
    store = cluster_store(place(sys.argv[1], {}))
    await store.open()
    for key, text in json.load(sys.stdin).items():
        await store.commit((), [Delete(key) if text is None else Put(key, text.encode("latin-1"))])
    await store.close()

asyncio.run(main())
"""


def _write(town: Town, items: Mapping[str, str | None]) -> None:
    lan = town.street.lan
    lan.run(sys.executable, "-c", WRITE, town.url, input=json.dumps(items), timeout=20)


def test_rubbish_in_the_store_is_logged_and_harms_nothing(town: Town) -> None:
    """Under all our prefixes: networks are made and removed, names and packets go, daemons start."""
    nid = town.create("--subnet 10.7.0.0/24 net1")
    endpoint = {
        "id": "x", "network_id": nid, "node": "n", "container_id": "c", "name": "evil",
        "mac": "02:42:00:00:00:63", "addresses": ["10.7.0.99/24"],
    }  # fmt: skip
    rubbish = {
        "networks/rubbish": "{not json",
        "networks/bytes": "\xff\xfe",
        "nodes/rubbish": "[]",
        f"claims/{nid}/10.7.0.98": "\xff",
        "claims/rubbish": "me x",
        f"endpoints/{nid}/one": json.dumps({"v": 1, "fact": endpoint}),
        f"endpoints/{nid}/two": json.dumps({"v": 1, "fact": endpoint}),
        "strange": "\xff",
    }
    town.idle("h1", "--name one --network net1")
    _write(town, rubbish)
    try:
        town.idle("h2", "--name two --network net1")
        town.wait(lambda: town.pings("h1", "one", "two"))
        town["h1"].crash()
        town["h1"].start()
        town.create("net2", on="h1")
        town.docker("h2", "network rm net2")
        town.wait(lambda: town.pings("h1", "one", "two"))
    finally:
        _write(town, dict.fromkeys(rubbish))


def test_the_way_out_is_not_among_a_containers_networks(town: Town) -> None:
    """As in Docker: nobody asked for docker_gwbridge. Asked for by name, it is."""
    town.create("net1")
    town.idle("h1", "--name one --network net1")
    assert set(town["h1"].inspect("one")["NetworkSettings"]["Networks"]) == {"net1"}
    [listed] = town["h1"].http("GET", "/containers/json")[1]
    assert set(listed["NetworkSettings"]["Networks"]) == {"net1"}
    assert len(town["h1"].http("GET", "/networks/docker_gwbridge")[1]["Containers"]) == 1
