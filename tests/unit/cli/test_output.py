import contextlib
import json
import re
from collections.abc import Callable
from time import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.cli import words
from seaway.cli.failures import Failed
from seaway.cli.template import Template, TemplateError
from tests.unit.cli.conftest import Play
from tests.unit.cli.stub import ID, Stub

Serve = Callable[[dict[str, Any]], Stub]

DATA: dict[str, Any] = {
    "Name": "/c1",
    "State": {"Pid": 5, "Running": True},
    "NetworkSettings": {
        "Networks": {"b": {"IPAddress": "10.0.0.2"}, "a": {"IPAddress": "10.0.0.1"}},
        "Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "32768"}]},
    },
    "Config": {"Labels": {"a.b": "c"}, "Cmd": ["x", "y"], "Env": None},
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain", "plain"),
        ("{{.Name}} {{.State.Pid}} {{.State.Running}}", "/c1 5 true"),
        ("{{json .Config}}", '{"Labels":{"a.b":"c"},"Cmd":["x","y"],"Env":null}'),
        ("{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", "10.0.0.1 10.0.0.2 "),
        (
            "{{range $k, $v := .NetworkSettings.Networks}}{{$k}}={{$v.IPAddress}}{{println}}{{end}}",
            "a=10.0.0.1\nb=10.0.0.2\n",
        ),
        ("{{range $i, $w := .Config.Cmd}}{{if $i}},{{end}}{{$w}}{{end}}", "x,y"),
        ('{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}', "32768"),
        ('{{index .Config.Labels "a.b"}}{{index .Config.Labels "none"}}', "c"),
        ("{{if eq .State.Pid 5}}five{{else}}other{{end}}", "five"),
        ("{{if gt .State.Pid 9}}nine{{else if .State.Running}}runs{{else}}no{{end}}", "runs"),
        ("{{with .Config.Env}}env{{else}}none{{end}}", "none"),
        ("{{range .Config.Env}}x{{else}}empty{{end}}", "empty"),
        ("{{.Config.Cmd}} {{.Config.Env}} {{.Config.Labels}}", "[x y] [] map[a.b:c]"),
        ('{{join .Config.Cmd "-"}} {{.Name | upper}} {{len .Config.Cmd}}', "x-y /C1 2"),
        ('{{printf "%s is %d" .Name .State.Pid}}', "/c1 is 5"),
        ("a {{- .State.Pid -}} b", "a5b"),
        ("{{/* nothing */}}{{$p := .State.Pid}}{{$p}}{{$.Name}}", "5/c1"),
        ("{{and .State.Running (not .Config.Env)}} {{or .Config.Env .Name}}", "true /c1"),
        ('{{range .Config.Cmd}}{{$.Name}}{{"\\t"}}{{.}}{{end}}', "/c1\tx/c1\ty"),
    ],
)
def test_templates(template: str, text: str) -> None:
    assert Template(template).render(DATA) == text


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{{.Nome}}", 'map has no entry for key "Nome"; it has: Config, Name'),
        ("{{.Name.First}}", "can't evaluate field First in /c1"),
        ("{{spell .Name}}", 'function "spell" not defined; known: and, eq'),
        ("{{range .Config.Cmd}}", "{{end}} is missing"),
        ("{{.Name", "unclosed action"),
        ("{{define}}", "{{define}} is not understood here"),
        ("{{$x}}", 'undefined variable "$x"'),
        ("{{}}", "missing value for command"),
        ("{{range .State.Pid}}x{{end}}", "range can't iterate over 5"),
        ("{{index .Config.Cmd 7}}", "error calling index"),
        ("{{.Name ! 3}}", "unexpected '!'"),
        ("{{(.Name}}", "unclosed left paren"),
    ],
)
def test_templates_that_do_not_work_say_why(template: str, says: str) -> None:
    with pytest.raises(TemplateError) as caught:
        Template(template).render(DATA)
    assert says in caught.value.message
    assert "template parsing error: template:" in caught.value.message


@given(st.text())
def test_any_text_is_a_template_or_a_clear_error(source: str) -> None:
    with contextlib.suppress(Failed):
        Template(source).render(DATA)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.5, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (61, "About a minute"),
        (600, "10 minutes"),
        (3600, "About an hour"),
        (7200, "2 hours"),
        (86400 * 3, "3 days"),
        (86400 * 20, "2 weeks"),
        (86400 * 90, "3 months"),
        (86400 * 800, "2 years"),
    ],
)
def test_durations_are_dockers(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


def test_sizes_are_dockers() -> None:
    assert [words.size(n) for n in (0, 999, 13_300, 1_980_000, 94_000_000)] == [
        "0B",
        "999B",
        "13.3kB",
        "1.98MB",
        "94MB",
    ]
    assert words.size(25_272_000_000, 1024, 4) == "23.54GiB"


def port(inside: int, outside: int = 0, address: str = "", proto: str = "tcp") -> dict[str, Any]:
    found: dict[str, Any] = {"PrivatePort": inside, "Type": proto}
    return found | ({"IP": address, "PublicPort": outside} if outside else {})


def test_ports_are_joined_into_ranges() -> None:
    found = [
        port(5001, 5001, "0.0.0.0"),
        port(5001, 5001, "::"),
        port(8002, 8002, "0.0.0.0"),
        port(8000, 8000, "0.0.0.0"),
        port(8001, 8001, "0.0.0.0"),
        port(53, 32768, "127.0.0.1", "udp"),
        port(90),
        port(91),
    ]
    assert words.ports(found) == (
        "90-91/tcp, 0.0.0.0:5001->5001/tcp, [::]:5001->5001/tcp, 0.0.0.0:8000-8002->8000-8002/tcp, "
        "127.0.0.1:32768->53/udp"
    )


CONTAINER = {
    "Id": ID,
    "Names": ["/web1", "/other/link"],
    "Image": "webapp",
    "Command": "python app.py --with a long tail",
    "Created": 0,
    "State": "running",
    "Status": "Up 2 seconds",
    "Ports": [port(5001, 5001, "0.0.0.0")],
    "Labels": {"tier": "front"},
    "Mounts": [],
    "NetworkSettings": {"Networks": {"bridge": {}}},
}


@pytest.fixture
def ps(serve: Serve, play: Play) -> Callable[..., str]:
    serve({"GET /containers/json": (200, [CONTAINER | {"Created": int(time()) - 5}])})
    return lambda *args: play("ps", *args).output


def test_ps_looks_like_dockers(ps: Callable[..., str]) -> None:
    head, line = (re.split(" {2,}", row) for row in ps().splitlines())
    assert head == ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]
    command = '"python app.py --wit…"'
    ports = "0.0.0.0:5001->5001/tcp"
    assert line == ["c0ffee000000", "webapp", command, "5 seconds ago", "Up 2 seconds", ports, "web1"]


def test_columns_have_dockers_gaps() -> None:
    rows = [["NETWORK ID", "NAME", "DRIVER"], ["cdf5fac7acd4", "bridge", "bridge"]]
    assert words.columns(rows) == "NETWORK ID     NAME      DRIVER\ncdf5fac7acd4   bridge    bridge"


def test_ps_in_other_forms(ps: Callable[..., str]) -> None:
    assert ps("-q") == "c0ffee000000\n"
    assert ps("-q", "--no-trunc") == f"{ID}\n"
    assert ps("--format", "{{.Names}}: {{.Ports}}") == "web1: 0.0.0.0:5001->5001/tcp\n"
    assert ps("--format", 'table {{.Names}}\\t{{.Label "tier"}}') == "NAMES     tier\nweb1      front\n"
    assert json.loads(ps("--format", "json"))["Networks"] == "bridge"
    assert json.loads(ps("--json"))[0]["Id"] == ID
    assert "it has: Command" in ps("--format", "{{.Nope}}")
    assert "web1,other/link" in ps("--no-trunc")


def test_network_ls_looks_like_dockers(serve: Serve, play: Play) -> None:
    names = ("n10", "n9", "bridge")
    serve(
        {"GET /networks": (200, [{"Id": ID, "Name": n, "Driver": "bridge", "Scope": "local"} for n in names])}
    )
    assert play("network", "ls").output == (
        "NETWORK ID     NAME      DRIVER    SCOPE\n"
        "c0ffee000000   bridge    bridge    local\n"
        "c0ffee000000   n9        bridge    local\n"
        "c0ffee000000   n10       bridge    local\n"
    )


def test_images_show_each_name_and_nameless_ones(serve: Serve, play: Play) -> None:
    image = {"Id": f"sha256:{ID}", "Created": int(time()) - 7200, "Size": 1_980_000, "RepoDigests": []}
    listed = [image | {"RepoTags": ["a:1", "reg:5000/b:2"]}, image | {"RepoTags": []}]
    serve({"GET /images/json": (200, listed)})
    assert play("images").output == (
        "REPOSITORY   TAG       IMAGE ID       CREATED       SIZE\n"
        "a            1         c0ffee000000   2 hours ago   1.98MB\n"
        "reg:5000/b   2         c0ffee000000   2 hours ago   1.98MB\n"
        "<none>       <none>    c0ffee000000   2 hours ago   1.98MB\n"
    )


def test_inspect_tries_containers_images_networks_volumes(serve: Serve, play: Play) -> None:
    daemon = serve({"GET /networks/n1": (200, {"Name": "n1"})})
    result = play("inspect", "n1", "-f", "{{.Name}}")
    assert result.output == "n1\n"
    assert daemon.order == ["GET /containers/n1/json", "GET /images/n1/json", "GET /networks/n1"]


def test_inspect_prints_what_it_found_and_fails_for_the_rest(serve: Serve, play: Play) -> None:
    serve(
        {
            "GET /networks/n1": (200, {"Name": "n1"}),
            "GET /networks/nope": (404, {"message": "network nope not found"}),
        }
    )
    result = play("network", "inspect", "n1", "nope")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == [{"Name": "n1"}]
    assert result.stderr == "Error response from daemon: network nope not found\n"


def test_port_lists_and_looks_up(serve: Serve, play: Play) -> None:
    bindings = [{"HostIp": "0.0.0.0", "HostPort": "5001"}, {"HostIp": "::", "HostPort": "5001"}]
    serve(
        {
            "GET /containers/c/json": (
                200,
                {"NetworkSettings": {"Ports": {"5001/tcp": bindings, "9/udp": None}}},
            )
        }
    )
    assert play("port", "c").output == "5001/tcp -> 0.0.0.0:5001\n5001/tcp -> [::]:5001\n"
    assert play("port", "c", "5001").output == "0.0.0.0:5001\n[::]:5001\n"
    result = play("port", "c", "9/udp")
    assert (result.exit_code, result.stderr) == (1, "no public port '9/udp' published for c\n")
