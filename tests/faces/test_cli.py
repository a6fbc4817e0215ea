"""Seaway's own command line, everyday commands."""

import json
import re

from demo.host import SEAWAY, Host
from demo.machine import Result
from tests.faces.box import get, until
from tests.faces.terminal import Terminal


def sw(host: Host, line: str, check: bool = True) -> Result:
    return host.seaway(*line.split(), check=check)


def test_networks(host: Host) -> None:
    made = sw(host, "network create --subnet 10.2.0.0/24 --gateway 10.2.0.1 --label a=b net").out.strip()
    assert re.fullmatch(r"[0-9a-f]{64}", made)
    assert re.search(rf"{made[:12]}\s+net\s+bridge\s+local", sw(host, "network ls").out)
    assert json.loads(sw(host, "network inspect net").out)[0]["IPAM"]["Config"][0]["Subnet"] == "10.2.0.0/24"
    sw(host, "run -d --name cc box:1 sleep 600")
    sw(host, "network connect --ip 10.2.0.9 --alias x net cc")
    assert host.container_address("cc", "net") == "10.2.0.9"
    refused = sw(host, "network rm net", check=False)
    assert refused.code == 1
    assert "has active endpoints" in refused.err
    sw(host, "network disconnect net cc")
    assert sw(host, "network rm net").out.strip() == "net"
    sw(host, "network create lost")
    assert "lost" in sw(host, "network prune -f").out


def test_containers(host: Host) -> None:
    sw(host, "run -d --name web -p 8080:5001 box:1 httpd -f -p 5001 -h /www")
    assert "Hello" in until(lambda: get(host.lan, f"http://{host.address}:8080/"))
    assert "web" in sw(host, "ps").out
    assert "5001/tcp -> 0.0.0.0:8080" in sw(host, "port web").out
    assert sw(host, "exec web echo hi").out == "hi\n"
    assert sw(host, "exec web false", check=False).code == 1
    assert json.loads(sw(host, "inspect web").out)[0]["Name"] == "/web"
    sw(host, "rename web www")
    sw(host, "restart -t 0 www")
    sw(host, "stop -t 0 www")
    assert "Exited (137)" in sw(host, "ps -a").out
    assert sw(host, "start www").out.strip() == "www"
    sw(host, "kill www")
    assert sw(host, "wait www").out.strip() == "137"
    assert sw(host, "rm www").out.strip() == "www"


def test_foreground(host: Host) -> None:
    done = host.seaway("run", "--rm", "box:1", "sh", "-c", "echo out; echo err >&2; exit 3", check=False)
    assert (done.code, done.out, done.err) == (3, "out\n", "err\n")
    assert host.seaway("run", "--rm", "-i", "box:1", "cat", input="typed").out == "typed"
    assert sw(host, "run --rm box:1 nosuchcommand", check=False).code == 127
    assert sw(host, "run --rm nosuch:1 true", check=False).code == 125
    with Terminal(host, SEAWAY, "run", "--rm", "-it", "box:1", "sh") as tty:
        tty.expect("# ")
        tty.type("exit 7\n")
        assert tty.end() == 7


def test_logs_and_events(host: Host) -> None:
    since = host.run("date", "+%s.%N").out.strip()
    host.seaway("run", "-d", "--name", "cc", "box:1", "sh", "-c", "echo a; echo b")
    assert sw(host, "wait cc").out.strip() == "0"
    assert sw(host, "logs cc").out == "a\nb\n"
    assert sw(host, "logs --tail 1 cc").out == "b\n"
    till = host.run("date", "+%s.%N").out.strip()
    out = host.seaway("events", "--since", since, "--until", till).out
    assert "container start" in out


def test_formats(host: Host) -> None:
    sw(host, "run -d --name cc box:1 sleep 600")
    rows = json.loads(sw(host, "ps --json").out)
    assert rows[0]["Names"] in (["/cc"], ["cc"], "cc")
    assert sw(host, "ps --format {{.Names}}").out == "cc\n"
    assert "box" in sw(host, "image ls").out
    assert "1.50" in sw(host, "version").out
    assert "Containers" in sw(host, "info").out


def test_errors_are_sentences(host: Host) -> None:
    for line, word in (
        ("network inspect nope", "nope"),
        ("inspect nope", "nope"),
        ("rm nope", "No such container: nope"),
        ("network create --subnet foo net", "foo"),
        ("run --no-such-flag box:1", "no-such-flag"),
        ("-H unix:///nonexistent/s ps", "/nonexistent/s"),
    ):
        done = sw(host, line, check=False)
        assert done.code != 0, line
        assert word in done.err, (line, done.text)
        assert "Traceback" not in done.text, line


def test_completion(host: Host) -> None:
    env = {"_SEAWAY_COMPLETE": "bash_complete", "COMP_WORDS": "seaway net", "COMP_CWORD": "1"}
    assert "network" in host.run(SEAWAY, env=env, check=False).out
