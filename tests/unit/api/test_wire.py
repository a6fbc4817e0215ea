"""Versions, errors, JSON bodies, filters, headers."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from seaway import errors
from seaway.api.wire import parse_filters
from tests.unit.api.conftest import Face


async def test_ping_says_everything_in_headers(face: Face) -> None:
    for method, body in (("HEAD", b""), ("GET", b"OK")):
        answer = await face.ask(method, "/_ping")
        assert answer.status == 200
        assert answer.body == body
        assert answer.headers["api-version"] == "1.50"
        assert answer.headers["ostype"] == "linux"
        assert answer.headers["swarm"] == "inactive"
        assert answer.headers["server"].startswith("Seaway/")


@pytest.mark.parametrize("path", ["/version", "/v1.24/version", "/v1.50/version"])
async def test_versioned_and_unversioned_paths(face: Face, path: str) -> None:
    answer = await face.ask("GET", path)
    assert answer.status == 200
    assert answer.json["ApiVersion"] == "1.50"
    assert answer.json["MinAPIVersion"] == "1.24"


async def test_version_out_of_range(face: Face) -> None:
    new = await face.ask("GET", "/v1.51/info")
    assert (new.status, new.message) == (
        400,
        "client version 1.51 is too new. Maximum supported API version is 1.50",
    )
    old = await face.ask("GET", "/v1.23/info")
    assert (old.status, old.message) == (
        400,
        "client version 1.23 is too old. Minimum supported API version is 1.24, "
        "please upgrade your client to a newer version",
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nope"), ("GET", "/v1.50/nope"), ("PATCH", "/version"), ("GET", "/containers/create/x/y")],
)
async def test_no_such_page(face: Face, method: str, path: str) -> None:
    answer = await face.ask(method, path)
    assert (answer.status, answer.message) == (404, "page not found")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidInput("bad"), 400),
        (errors.NotFound("none"), 404),
        (errors.Conflict("clash"), 409),
        (errors.Forbidden("no"), 403),
        (errors.NotImplementedHere("not here"), 501),
        (errors.Unavailable("later"), 503),
        (errors.Failure("broken"), 500),
        (errors.SettleFailed(["a", "b"]), 500),
        (errors.RuntimeFailed("runc: x"), 500),
        (errors.StoreConflict(["k"]), 500),
    ],
)
async def test_every_error_has_its_status(face: Face, error: errors.SeawayError, status: int) -> None:
    face.engine.raises = error
    answer = await face.ask("DELETE", "/networks/n_all")
    assert (answer.status, answer.message) == (status, error.message)
    assert answer.headers["content-type"] == "application/json"


async def test_not_modified_has_no_body(face: Face) -> None:
    face.engine.raises = errors.NotModified("it runs")
    answer = await face.ask("POST", "/containers/c1/start")
    assert (answer.status, answer.body) == (304, b"")


async def test_a_fault_of_ours_is_json_without_a_trace(face: Face) -> None:
    face.engine.raises = KeyError("oops")
    answer = await face.ask("DELETE", "/networks/n_all")
    assert answer.status == 500
    assert "Traceback" not in answer.message


async def test_what_the_machine_refuses_is_said_in_its_words(face: Face) -> None:
    face.engine.raises = OSError(28, "No space left on device", "/data/x")
    answer = await face.ask("DELETE", "/networks/n_all")
    assert (answer.status, answer.message) == (500, "/data/x: no space left on device")
    face.engine.raises = OSError(28, "No space left on device")
    assert (await face.ask("DELETE", "/networks/n_all")).message == "no space left on device"


@pytest.mark.parametrize(
    ("raw", "kind", "message"),
    [
        (b"{}", "text/plain", "unsupported Content-Type header (text/plain): must be 'application/json'"),
        (b"{", "application/json", "invalid JSON: "),
        (b"{} {}", "application/json", "unexpected content after JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "application/json", "invalid JSON: it is nested too deeply"),
        (b'{"Name": 5}', "application/json", "invalid JSON: Name: Expected str, got int"),
        (
            b'{"IPAM": {"Config": 5}}',
            "application/json",
            "invalid JSON: IPAM.Config: Expected array, got int",
        ),
    ],
)
async def test_bad_bodies(face: Face, raw: bytes, kind: str, message: str) -> None:
    answer = await face.ask("POST", "/networks/create", raw=raw, headers={"Content-Type": kind})
    assert answer.status == 400
    assert answer.message.startswith(message)


async def test_charset_in_a_request_is_fine(face: Face) -> None:
    kind = {"Content-Type": "application/json; charset=utf-8"}
    face.engine.raises = errors.Conflict("reached")
    answer = await face.ask("POST", "/networks/create", {"Name": "n"}, headers=kind)
    assert answer.message == "reached"


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("", {}),
        ("null", {}),
        ('{"name":{"x":true,"y":true}}', {"name": ["x", "y"]}),
        ('{"name":["x"]}', {"name": ["x"]}),
        ('{"name":{"x":false}}', {"name": []}),
        ('{"dangling":[true]}', {"dangling": ["true"]}),
    ],
)
def test_filters_in_both_forms(text: str, filters: dict[str, list[str]]) -> None:
    assert parse_filters(text) == filters


@pytest.mark.parametrize("text", ["garbage", "[]", '{"a":1}', '{"a":[1]}'])
async def test_bad_filters(face: Face, text: str) -> None:
    answer = await face.ask("GET", f"/networks?filters={quote(text)}")
    assert (answer.status, answer.message) == (400, "invalid filter")


async def test_filters_reach_the_engine(face: Face) -> None:
    text = quote(json.dumps({"driver": {"bridge": True}}))
    await face.ask("GET", f"/v1.50/networks/?filters={text}")
    assert face.engine.last("networks.list") == (({"driver": ["bridge"]},), {})


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("1", True),
        ("true", True),
        ("yes", True),
        ("0", False),
        ("False", False),
        ("", False),
        ("none", False),
    ],
)
async def test_truth_values(face: Face, text: str, truth: bool) -> None:
    await face.ask("DELETE", f"/containers/c1?force={text}")
    assert face.engine.last("containers.remove")[1]["force"] is truth


async def test_bad_number(face: Face) -> None:
    answer = await face.ask("POST", "/containers/c1/stop?t=soon")
    assert answer.status == 400
    assert "'soon'" in answer.message


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("POST", "/swarm/leave?force=1", 503, "This node is not part of a swarm"),
        ("POST", "/swarm/init", 503, "This node is not a swarm manager. Use"),
        ("GET", "/nodes", 503, "This node is not a swarm manager. Use"),
        ("POST", "/v1.50/build?t=x", 501, "does not build"),
        ("POST", "/images/docker.io/library/img/push?tag=latest", 501, "does not push"),
        ("GET", "/images/search?term=foo", 501, "does not search"),
        ("GET", "/plugins/zzz/json", 404, 'plugin "zzz" not found'),
    ],
)
async def test_refused(face: Face, method: str, path: str, status: int, text: str) -> None:
    answer = await face.ask(method, path)
    assert answer.status == status
    assert text in answer.message


async def test_names_with_anything_in_them(face: Face) -> None:
    await face.ask("DELETE", "/networks/a%20network%2Fhere")
    assert face.engine.last("networks.remove") == (("a network/here",), {})
    await face.ask("DELETE", "/networks/100%2525")
    assert face.engine.last("networks.remove") == (("100%25",), {})
    await face.ask("DELETE", "/containers/c8/db?link=1")
    assert face.engine.last("containers.remove")[0] == ("c8/db",)
    answer = await face.ask("GET", "/v1.50/images/reg.example:5000/a/b:1/json")
    assert answer.status == 200


async def test_keep_alive(face: Face) -> None:
    reader, writer = await face.connect()
    for _ in range(3):
        writer.write(b"GET /v1.50/networks HTTP/1.1\r\nHost: x\r\n\r\n")
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(int(x.split(": ")[1]) for x in head.split("\r\n") if x.startswith("Content-Length"))
        body: Any = json.loads(await reader.readexactly(length))
        assert len(body) == 3
    writer.close()
