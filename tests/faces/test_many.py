"""Many at once: a hundred containers in parallel, and back to nothing."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from demo.host import Host
from tests.faces.box import inside, words
from tests.faces.image import NAME

COUNT = 100


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_hundred_containers_in_parallel(host: Host) -> None:
    words(host, "network create --subnet 10.40.0.0/16 net")

    def start(n: int) -> tuple[int, str]:
        config = {
            "Image": NAME,
            "Cmd": ["sleep", "600"],
            "ExposedPorts": {"80/tcp": {}},
            "HostConfig": {"NetworkMode": "net", "PublishAllPorts": True},
        }
        status, answer = host.http("POST", f"/containers/create?name=m{n}", config, timeout=120)
        assert status == 201, answer
        return host.http("POST", f"/containers/m{n}/start", timeout=200)[0], answer["Id"]

    started = time.monotonic()
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(start, range(COUNT)))
    took = time.monotonic() - started
    assert [code for code, _ in answers] == [204] * COUNT
    seen = [host.inspect(f"m{n}") for n in range(COUNT)]
    nets = [c["NetworkSettings"]["Networks"]["net"] for c in seen]
    assert len({n["IPAddress"] for n in nets}) == COUNT
    assert len({n["MacAddress"] for n in nets}) == COUNT
    assert len({c["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"] for c in seen}) == COUNT
    assert inside(host, "m0", "ping", "-c1", "-W2", nets[COUNT - 1]["IPAddress"]).code == 0
    out = inside(host, "m99", "dig", "+short", "@127.0.0.11", "m0").out.strip()
    assert out == nets[0]["IPAddress"]
    assert took < 120, f"{COUNT} containers took {took:.0f} s"
    with ThreadPoolExecutor(10) as pool:
        gone = list(
            pool.map(lambda n: host.http("DELETE", f"/containers/m{n}?force=1", timeout=200)[0], range(COUNT))
        )
    assert gone == [204] * COUNT
