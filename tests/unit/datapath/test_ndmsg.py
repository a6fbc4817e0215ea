"""The codec of forwarding entries and neighbours, and the frames that announce them, byte by byte."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.datapath import ndmsg
from seaway.datapath.announce import frame
from seaway.datapath.ndmsg import Row

MAC = bytes.fromhex("02420a000002")
V4, V6 = bytes((10, 0, 0, 2)), bytes.fromhex("fd000009000000000000000000000002")

addresses = st.sampled_from([4, 16]).flatmap(lambda n: st.binary(min_size=n, max_size=n))
macs = st.binary(min_size=6, max_size=6)


def row(message: tuple[int, int, bytes]) -> bytes:
    """A request as a dump would give it back."""
    return bytes(16) + message[2]


def test_a_forward_is_two_messages() -> None:
    own, static = ndmsg.forward(7, MAC, bytes((192, 0, 2, 9)))
    assert own == (
        28,
        0x500,
        bytes.fromhex("07000000 07000000 c000 02 00 0a000200 02420a000002 0000 08000100 c0000209"),
    )
    assert static == (28, 0x500, bytes.fromhex("07000000 07000000 4000 04 00 0a000200 02420a000002 0000"))


def test_a_neighbour_is_permanent_and_wears_our_mark() -> None:
    (read,) = ndmsg.read([row(ndmsg.neighbour(7, V4, MAC))], [7])
    assert read == Row(socket.AF_INET, 7, ndmsg.PERMANENT, 0, MAC, V4, 158, True)
    (read,) = ndmsg.read([row(ndmsg.neighbour(7, V6, MAC))])
    assert read == Row(socket.AF_INET6, 7, ndmsg.PERMANENT, 0, MAC, V6, 158, True)


@given(st.integers(1, 2**31 - 1), macs, addresses)
def test_what_is_packed_is_read_again(device: int, mac: bytes, address: bytes) -> None:
    own, static = (ndmsg.read([row(m)], [device])[0] for m in ndmsg.forward(device, mac, address))
    assert (own.device, own.mac, own.address, own.flags) == (device, mac, address, ndmsg.SELF)
    assert (static.device, static.mac, static.address, static.flags) == (device, mac, b"", ndmsg.MASTER)
    assert ndmsg.mac_bytes(ndmsg.mac_text(mac)) == mac
    assert ndmsg.address_bytes(ndmsg.address_text(address)) == address


def test_other_devices_are_passed_over_and_odd_entries_told() -> None:
    rows = [row(m) for m in (*ndmsg.forward(7, MAC, V4), ndmsg.neighbour(8, V4, MAC))]
    assert [r.device for r in ndmsg.read(rows, [8])] == [8]
    port = struct.pack("=HHHH", 6, 6, 99, 0)
    (read,) = ndmsg.read([rows[0] + port])
    assert read.plain is False and read.mac == MAC


@given(st.binary(max_size=60))
def test_nonsense_behind_a_head_is_no_endless_loop(tail: bytes) -> None:
    padded = tail + bytes(-len(tail) % 4)
    assert len(ndmsg.read([bytes(16) + bytes(12) + padded])) == 1


@pytest.mark.parametrize("text", ["", "02:42", "02:42:0a:00:00:02:03", "zz:42:0a:00:00:02"])
def test_no_mac_address(text: str) -> None:
    with pytest.raises(ValueError):
        ndmsg.mac_bytes(text)


def test_a_gratuitous_arp_is_a_request_for_oneself() -> None:
    source = bytes.fromhex("024400000001")
    assert frame(source, V4, MAC).hex() == (
        "ffffffffffff" + source.hex() + "0806" + "0001080006040001"
        + MAC.hex() + V4.hex() + "000000000000" + V4.hex()
    )  # fmt: skip


def test_an_unsolicited_advertisement_has_override_and_a_right_checksum() -> None:
    sent = frame(bytes.fromhex("024400000001"), V6, MAC)
    assert sent[:6].hex() == "333300000001" and sent[12:14].hex() == "86dd"
    header, body = sent[14:54], sent[54:]
    assert (
        header[7] == 255 and header[6] == 58 and header[24:] == socket.inet_pton(socket.AF_INET6, "ff02::1")
    )
    assert body[0] == 136 and body[4:8].hex() == "20000000" and body[8:24] == V6 and body[26:] == MAC
    total = sum(
        struct.unpack(f"!{(32 + 8 + len(body)) // 2}H", header[8:] + struct.pack("!II", len(body), 58) + body)
    )
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF
