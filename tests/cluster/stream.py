"""One TCP connection between two containers, with a number every 20 ms there and back."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.cluster.town import Town

PORT = 7000

_ECHO = """
import socket, sys
server = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("listening", flush=True)
link, _ = server.accept()
server.close()  # who tries to connect again is refused
while data := link.recv(4096):
    link.sendall(data)
"""
_SEND = """
import asyncio, json, signal, sys, time

async def main():
    reader, writer = await asyncio.open_connection(sys.argv[1], int(sys.argv[2]))
    enough, sent = asyncio.Event(), 0
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, enough.set)

    async def send():
        nonlocal sent
        while not enough.is_set():
            writer.write(b"%d\\n" % sent)
            await writer.drain()
            sent += 1
            await asyncio.sleep(0.02)
        writer.write_eof()

    sending = asyncio.create_task(send())
    back, last, longest, told = [], time.monotonic(), 0.0, "the end"
    try:
        while line := await reader.readline():
            now = time.monotonic()
            longest, last = max(longest, now - last), now
            back.append(int(line))
        await sending
    except OSError as error:
        told = repr(error)
    found = {"sent": sent, "back": len(back), "in_order": back == list(range(sent))}
    print(json.dumps({**found, "longest": longest, "end": told}))

asyncio.run(main())
"""


@dataclass(slots=True)
class Stream:
    """What became of a stream, once it has ended."""

    sent: int = 0
    back: int = 0
    in_order: bool = False
    longest: float = 0.0
    end: str = ""
    going: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def untouched(self, least: int) -> None:
        """All came back in order over the one connection, never after more than a second of silence."""
        assert self.in_order and self.end == "the end", self
        assert self.back == self.sent >= least, self
        assert self.longest < 1, self


@contextmanager
def streaming(
    town: Town, sender: tuple[str, str], receiver: tuple[str, str], network: str
) -> Iterator[Stream]:
    """A stream between two containers, (host, name) each, for as long as the block lasts."""
    stream = Stream()
    address = town.address(*receiver, network)
    try:
        _begin(town, stream, receiver, _ECHO, address)
        echo = stream.going[0].stdout
        assert echo is not None and echo.readline() == b"listening\n"
        _begin(town, stream, sender, _SEND, address)
        yield stream
        _end(town, sender, stream)
    finally:
        for process in reversed(stream.going):
            process.kill()
            process.wait(5)
            process.stdout.close() if process.stdout else None


def _begin(town: Town, stream: Stream, at: tuple[str, str], program: str, address: str) -> None:
    on, name = at
    note = town[on].root / f"stream-{len(stream.going)}.pid"
    tell = ("sh", "-c", 'echo $$ > "$0"; exec "$@"', str(note))
    enter = ("nsenter", "-t", str(town[on].inspect(name)["State"]["Pid"]), "-n")
    argv = (sys.executable, "-c", program, address, str(PORT))
    stream.going.append(town[on].popen(*tell, *enter, *argv, stdout=subprocess.PIPE))


def _end(town: Town, sender: tuple[str, str], stream: Stream) -> None:
    host = town[sender[0]]
    host.run("kill", (host.root / "stream-1.pid").read_text().strip(), check=False)
    said, _ = stream.going[1].communicate(timeout=10)
    for key, value in json.loads(said).items():
        setattr(stream, key, value)
