"""Wait, logs, stats, events, progress: what goes over the wire, and when."""

import asyncio
import json
import struct
from typing import Any

import pytest

from seaway.errors import Failure, InvalidInput, NotFound
from seaway.model import Config
from tests.unit.api.conftest import Face, dechunked, read_head, until
from tests.unit.api.stub import CID, container


async def test_wait_sends_its_head_at_once_and_its_body_later(face: Face) -> None:
    reader, writer = await face.connect()
    writer.write(b"POST /v1.50/containers/c1/wait?condition=next-exit HTTP/1.1\r\nHost: x\r\n\r\n")
    status, headers = await read_head(reader)
    assert (status, headers["transfer-encoding"]) == (200, "chunked")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.1)
    assert face.engine.waiting is not None
    face.engine.waiting.set_result((3, ""))
    body = await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), 5)
    assert json.loads(dechunked(body)) == {"StatusCode": 3}
    writer.close()


async def test_wait_with_an_error(face: Face) -> None:
    reader, writer = await face.connect()
    writer.write(b"POST /containers/c1/wait HTTP/1.1\r\nHost: x\r\n\r\n")
    await read_head(reader)
    assert face.engine.last("containers.wait") == (("c1", "not-running"), {})
    assert face.engine.waiting is not None
    face.engine.waiting.set_result((127, "no"))
    body = dechunked(await reader.readuntil(b"0\r\n\r\n"))
    assert json.loads(body) == {"Error": {"Message": "no"}, "StatusCode": 127}
    writer.close()


async def test_wait_for_nobody(face: Face) -> None:
    face.engine.raises = NotFound("No such container: zzz")
    answer = await face.ask("POST", "/containers/zzz/wait")
    assert (answer.status, answer.message) == (404, "No such container: zzz")


async def test_a_waiting_client_that_leaves_is_let_go(face: Face) -> None:
    reader, writer = await face.connect()
    writer.write(b"POST /containers/c1/wait HTTP/1.1\r\nHost: x\r\n\r\n")
    await read_head(reader)
    writer.close()
    waiting = face.engine.waiting
    assert waiting is not None
    await until(waiting.cancelled)


async def test_logs(face: Face) -> None:
    answer = await face.ask("GET", "/v1.50/containers/c1/logs?stdout=1&stderr=1&tail=5&since=10&timestamps=1")
    assert answer.headers["content-type"] == "application/vnd.docker.multiplexed-stream"
    assert answer.body == struct.pack(">BxxxL", 1, 4) + b"out\n" + struct.pack(">BxxxL", 2, 4) + b"err\n"
    assert face.engine.last("containers.logs")[1] == {
        "follow": False, "stdout": True, "stderr": True, "since": 10.0, "until": 0.0, "tail": 5,
        "timestamps": True,
    }  # fmt: skip


async def test_logs_of_a_terminal_are_raw(face: Face) -> None:
    face.engine.one = container(config=Config(tty=True))
    answer = await face.ask("GET", "/containers/c1/logs?stdout=1&tail=all")
    assert answer.headers["content-type"] == "application/vnd.docker.raw-stream"
    assert answer.body == b"out\nerr\n"


async def test_logs_need_a_stream(face: Face) -> None:
    answer = await face.ask("GET", "/containers/c1/logs")
    assert (answer.status, answer.message) == (400, "Bad parameters: you must choose at least one stream")


async def test_logs_that_cannot_be_read(face: Face) -> None:
    async def logs(*_a: Any, **_k: Any) -> Any:
        raise Failure("configured logging driver does not support reading")
        yield

    face.engine.containers._answers["logs"] = logs
    answer = await face.ask("GET", "/containers/c1/logs?stdout=1")
    assert (answer.status, answer.message) == (500, "configured logging driver does not support reading")


async def test_stats_once(face: Face) -> None:
    answer = await face.ask("GET", "/containers/c1/stats?stream=0")
    assert answer.json == {"read": "now", "name": "/c1", "id": CID}


async def test_events_flush_and_end(face: Face) -> None:
    reader, writer = await face.connect()
    writer.write(b"GET /v1.50/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    status, headers = await read_head(reader)
    assert (status, headers["content-type"]) == (200, "application/json")
    face.engine.events.publish("container", "start", CID, {"name": "c1", "image": "img"})
    line = await asyncio.wait_for(reader.readuntil(b"\n\r\n"), 5)
    shape = json.loads(line.partition(b"\r\n")[2])
    assert {k: shape[k] for k in ("status", "id", "from", "Type", "Action", "scope")} == {
        "status": "start", "id": CID, "from": "img", "Type": "container", "Action": "start", "scope": "local",
    }  # fmt: skip
    assert shape["Actor"] == {"ID": CID, "Attributes": {"image": "img", "name": "c1"}}
    assert shape["time"] == shape["timeNano"] // 10**9
    face.engine.events.publish("network", "connect", "n", {})
    line = await asyncio.wait_for(reader.readuntil(b"\n\r\n"), 5)
    assert "status" not in json.loads(line.partition(b"\r\n")[2])
    face.engine.events.close()
    assert (await asyncio.wait_for(reader.read(), 5)).endswith(b"0\r\n\r\n")
    writer.close()


async def test_events_until_the_past_end(face: Face) -> None:
    answer = await face.ask("GET", "/events?since=1&until=2")
    assert (answer.status, answer.body) == (200, b"")


async def test_an_events_client_that_leaves_is_unsubscribed(face: Face) -> None:
    reader, writer = await face.connect()
    writer.write(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
    await read_head(reader)
    assert face.engine.events.listeners == 1
    writer.close()
    await until(lambda: face.engine.events.listeners == 0)


async def test_events_with_a_bad_filter(face: Face) -> None:
    answer = await face.ask("GET", "/events?filters=%7B%22nope%22%3A%5B%22x%22%5D%7D")
    assert (answer.status, answer.message) == (400, "invalid filter 'nope'")


# -- images


async def test_load_takes_a_chunked_body(face: Face) -> None:
    reader, writer = await face.connect()
    writer.write(
        b"POST /v1.50/images/load?quiet=1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    for piece in (b"abc", b"defg"):
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        await asyncio.sleep(0.01)
    writer.write(b"0\r\n\r\n")
    status, headers = await read_head(reader)
    assert (status, headers["content-type"]) == (200, "application/json")
    assert dechunked(await reader.read()) == b'{"stream":"Loaded image: img:latest\\n"}\r\n'
    assert face.engine.body == b"abcdefg"
    writer.close()


async def test_a_bad_archive_is_told_of_in_the_stream(face: Face) -> None:
    """docker-py's load looks for errorDetail there, and nowhere else."""

    async def load(_stream: Any) -> Any:
        raise InvalidInput("no archive")
        yield

    face.engine.images._answers["load"] = load
    answer = await face.ask("POST", "/images/load", raw=b"abc", headers={"Content-Type": "application/x-tar"})
    assert answer.status == 200
    assert answer.json == {"errorDetail": {"message": "no archive"}, "error": "no archive"}


async def test_a_pull_that_fails_before_and_after_its_first_word(face: Face) -> None:
    face.engine.progress = [NotFound("pull access denied for x")]
    before = await face.ask("POST", "/images/create?fromImage=x&tag=1")
    assert (before.status, before.message) == (404, "pull access denied for x")
    face.engine.progress = [{"status": "Pulling from x"}, Failure("connection lost")]
    after = await face.ask(
        "POST", "/images/create?fromImage=x&tag=1", headers={"X-Registry-Auth": "eyJ1c2VybmFtZSI6InUifQ"}
    )
    assert after.status == 200
    lines = [json.loads(line) for line in after.body.split(b"\r\n") if line]
    assert lines == [
        {"status": "Pulling from x"},
        {"errorDetail": {"message": "connection lost"}, "error": "connection lost"},
    ]
    assert face.engine.last("images.pull")[0] == ("x", "1", {"username": "u"}, "")


async def test_import_and_copy_take_what_the_cli_calls_text(face: Face) -> None:
    text = {"Content-Type": "text/plain"}
    answer = await face.ask("POST", "/images/create?fromSrc=-&repo=imp:1", raw=b"tar", headers=text)
    assert answer.json == {"status": "sha256:" + "8" * 64}
    answer = await face.ask("PUT", "/containers/c1/archive?path=/tmp", raw=b"more", headers=text)
    assert (answer.status, face.engine.body) == (200, b"more")


async def test_a_stream_that_breaks_is_cut_off_and_not_ended(face: Face) -> None:
    async def logs(*_a: Any, **_k: Any) -> Any:
        yield (1, b"one")
        raise OSError("disk")

    face.engine.containers._answers["logs"] = logs
    reader, writer = await face.connect()
    writer.write(b"GET /containers/c1/logs?stdout=1 HTTP/1.1\r\nHost: x\r\n\r\n")
    await read_head(reader)
    body = await asyncio.wait_for(reader.read(), 5)
    assert b"one" in body
    assert not body.endswith(b"0\r\n\r\n")
    assert b"HTTP/1.1" not in body
    writer.close()


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("pull", "POST /images/create?fromImage=x"),
        ("load", "POST /images/load"),
        ("save", "GET /images/x/get"),
    ],
)
async def test_work_for_a_client_that_leaves_is_ended(face: Face, verb: str, path: str) -> None:
    """Also in the middle of a silence, so that a download does not go on for nobody."""
    ended = asyncio.Event()

    async def work(*_args: Any) -> Any:
        try:
            yield b"piece" if verb == "save" else {"status": "begun"}
            await asyncio.sleep(60)
        finally:
            ended.set()

    face.engine.images._answers[verb] = work
    reader, writer = await face.connect()
    writer.write(f"{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
    assert (await read_head(reader))[0] == 200
    writer.close()
    await asyncio.wait_for(ended.wait(), 5)
