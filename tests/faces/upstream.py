"""A name server of the outside world for the tests, run on the LAN's router."""

import os
import socketserver
import sys
import threading
import time
from pathlib import Path
from types import TracebackType

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from demo.machine import Machine

ANSWERS = {"outside.example.": "203.0.113.1", "second.example.": "203.0.113.2"}
"""What it knows; ``big.example`` has a TXT record of some 2,000 bytes, all else does not exist."""


class Upstream:
    """The server as a process on a machine; ``asked()`` counts the questions so far."""

    def __init__(self, machine: Machine, address: str) -> None:
        self._count = machine.root / "asked"
        self._count.write_text("")
        argv = (sys.executable, str(Path(__file__)), address, str(self._count))
        self._process = machine.popen(
            *argv, env={**machine.env, "PYTHONPATH": str(Path(__file__).parents[2])}
        )
        self._machine = machine
        self._address = address

    def __enter__(self) -> "Upstream":
        deadline = time.monotonic() + 10
        while self._machine.run("dig", "+time=1", "+tries=1", f"@{self._address}", "x", check=False).code:
            assert time.monotonic() < deadline, "the name server did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._machine.run("kill", self._count.with_suffix(".pid").read_text())
        self._process.wait(5)

    def asked(self) -> int:
        """Questions received so far."""
        return len(self._count.read_text())


def _serve(address: str, count: str) -> None:
    def answer(raw: bytes, limit: int) -> bytes:
        with open(count, "a") as file:
            file.write(".")
        question = dns.message.from_wire(raw)
        reply = dns.message.make_response(question, recursion_available=True)
        asked = question.question[0]
        name = asked.name.to_text().lower()
        if name in ANSWERS and asked.rdtype == 1:
            reply.answer.append(dns.rrset.from_text(asked.name, 60, "IN", "A", ANSWERS[name]))
        elif name == "big.example." and asked.rdtype == 16:
            texts = [f'"{c * 200}"' for c in "abcdefghij"]
            reply.answer.append(dns.rrset.from_text(asked.name, 60, "IN", "TXT", *texts))
        elif name not in ANSWERS:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        wire = reply.to_wire(max_size=65535)
        if len(wire) > limit:
            reply.answer.clear()
            reply.flags |= dns.flags.TC
            wire = reply.to_wire(max_size=65535)
        return wire

    class Udp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            raw, sock = self.request
            sock.sendto(answer(raw, 512), self.client_address)

    class Tcp(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            size = int.from_bytes(self.rfile.read(2), "big")
            wire = answer(self.rfile.read(size), 65535)
            self.wfile.write(len(wire).to_bytes(2, "big") + wire)

    socketserver.ThreadingTCPServer.allow_reuse_address = True
    udp = socketserver.ThreadingUDPServer((address, 53), Udp)
    tcp = socketserver.ThreadingTCPServer((address, 53), Tcp)
    Path(count).with_suffix(".pid").write_text(str(os.getpid()))
    threading.Thread(target=tcp.serve_forever, daemon=True).start()
    udp.serve_forever()


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2])
