import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from seaway.__main__ import main
from seaway.cli import main as tables
from seaway.cli.client import Client
from seaway.cli.failures import Unreachable
from seaway.cli.target import Target
from tests.unit.cli.conftest import Play
from tests.unit.cli.stub import Stub

Serve = Callable[[dict[str, Any]], Stub]


def every_command() -> list[list[str]]:
    found = [[name] for name in tables.TOP]
    groups = {"container": tables.CONTAINER, "image": tables.IMAGE, "network": tables.NETWORK}
    groups |= {"volume": tables.VOLUME, "system": tables.SYSTEM, "node": tables.NODE}
    return found + [[group, name] for group, table in groups.items() for name in table]


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_command_explains_itself(words: list[str]) -> None:
    result = CliRunner().invoke(main, [*words, "--help"])
    assert result.exit_code == 0, result.output
    assert f"{' '.join(words)} " in result.output


@pytest.mark.parametrize("words", [[], ["network"], ["image"]])
def test_a_group_alone_says_once_what_it_has(words: list[str]) -> None:
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert result.output.count("Usage: ") == 1
    assert "Commands:" in result.output


def test_help_names_every_command_and_loads_none() -> None:
    script = (
        "import sys; from seaway.__main__ import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = ('docker', 'requests', 'rich', 'aiohttp', 'pyroute2', 'seaway.cli.run', 'seaway.engine')\n"
        "print([m for m in sys.modules if m.startswith(heavy)])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert all(f"  {name} " in result.stdout for name in (*tables.TOP, "network", "daemon"))
    assert result.stdout.splitlines()[-1] == "[]"


def test_daemon_help_does_not_load_the_engine() -> None:
    script = (
        "import sys; from seaway.__main__ import main\n"
        "try: main(['daemon', '--help'])\nexcept SystemExit: pass\n"
        "print([m for m in sys.modules if m.startswith('seaway.engine') or m == 'aiohttp'])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "--default-address-pool" in result.stdout
    assert result.stdout.splitlines()[-1] == "[]"


def test_no_daemon_says_where_it_looked_and_how_to_start_one(tmp_path: Path, play: Play) -> None:
    socket = f"unix://{tmp_path / 's.sock'}"
    for args, status in ((["ps"], 1), (["rm", "a", "b"], 1), (["run", "img"], 125)):
        result = play(*args)
        assert result.exit_code == status
        assert f"Cannot connect to the Seaway daemon at {socket}: no such socket" in result.stderr
        assert f"seaway daemon -H {socket}" in result.stderr
        assert result.stderr.count("Cannot connect") == 1


def test_the_host_comes_from_the_environment(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve({"GET /networks": (200, [])})
    monkeypatch.setenv("SEAWAY_HOST", str(tmp_path / "s.sock"))
    result = CliRunner().invoke(main, ["network", "ls", "-q"])
    assert (result.exit_code, result.output) == (0, "")


@pytest.mark.parametrize(
    ("args", "status", "says"),
    [
        (["network", "rm"], 1, "'seaway network rm' requires NETWORK..."),
        (["network", "ls", "--nope"], 125, "unknown flag: --nope"),
        (["nope"], 1, "No such command 'nope'"),
        (["stop", "-t", "soon", "c"], 125, "'soon' is not a valid integer"),
        (["ps", "-f", "name"], 125, "bad format of filter"),
        (["inspect", "--type", "ghost", "x"], 1, "known: container, image, network, volume"),
        (["logs", "--since", "last-week", "c"], 1, "failed to parse value as time or duration"),
    ],
)
def test_misuse(serve: Serve, play: Play, args: list[str], status: int, says: str) -> None:
    daemon = serve({})
    result = play(*args)
    assert (result.exit_code, says in result.stderr) == (status, True), result.output
    assert daemon.order == []


def test_several_names_go_on_after_a_failure(serve: Serve, play: Play) -> None:
    serve(
        {
            "DELETE /containers/a": (204, None),
            "DELETE /containers/b": (404, {"message": "No such container: b"}),
            "DELETE /containers/c": (204, None),
        }
    )
    result = play("rm", "a", "b", "c")
    assert (result.exit_code, result.stdout) == (1, "a\nc\n")
    assert result.stderr == "Error response from daemon: No such container: b\n"


def test_names_with_spaces_and_slashes_stay_one_part_of_the_path(serve: Serve, play: Play) -> None:
    daemon = serve({"DELETE /networks/my%20net%2Fx": (204, None)})
    assert play("network", "rm", "my net/x").exit_code == 0
    assert daemon.order == ["DELETE /networks/my%20net%2Fx"]


def test_network_rm_force_forgives_what_is_missing(serve: Serve, play: Play) -> None:
    serve({"DELETE /networks/n": (404, {"message": "network n not found"})})
    assert play("network", "rm", "-f", "n").exit_code == 0
    assert play("network", "rm", "n").exit_code == 1


def test_prune_asks_first(serve: Serve, play: Play) -> None:
    daemon = serve({"POST /networks/prune": (200, {"NetworksDeleted": ["a"]})})
    assert play("network", "prune", input="n\n").exit_code == 0
    assert daemon.order == []
    assert "Deleted Networks:\na\n" in play("network", "prune", input="y\n").output


def test_version_shows_the_client_even_without_a_daemon(play: Play) -> None:
    result = play("version")
    assert result.exit_code == 1
    assert "Client:" in result.stdout
    assert "Cannot connect" in result.stderr


def test_import_and_load_stream_the_file(serve: Serve, play: Play, tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    archive.write_bytes(b"x" * 3_000_000)
    daemon = serve(
        {
            "POST /images/create": (200, {"status": "sha256:1"}),
            "POST /images/load": (200, {"stream": "Loaded image: a:1\n"}),
        }
    )
    assert play("import", "-c", 'CMD ["sh"]', "-c", "ENV a=b", str(archive), "imp:1").output == "sha256:1\n"
    assert daemon.query("POST /images/create") == {"fromSrc": "-", "repo": "imp:1", "changes": 'CMD ["sh"]'}
    assert play("load", "-i", str(archive)).output == "Loaded image: a:1\n"
    assert len(daemon.body("POST /images/load")) == 3_000_000
    result = play("load", "-i", "/no/such")
    assert (result.exit_code, result.stderr) == (1, "open /no/such: no such file or directory\n")


def test_save_leaves_nothing_half_made(serve: Serve, play: Play, tmp_path: Path) -> None:
    target = tmp_path / "out.tar"
    serve({"GET /images/get": (200, b"tar!")})
    assert play("save", "-o", str(target), "a:1").exit_code == 0
    assert target.read_bytes() == b"tar!"
    assert play("save", "-o", str(tmp_path / "no" / "dir.tar"), "a:1").exit_code == 1
    assert [path.name for path in tmp_path.iterdir() if "tar" in path.name] == ["out.tar"]


def test_cp_out_of_a_container(serve: Serve, play: Play, tmp_path: Path) -> None:
    (tmp_path / "hello").write_text("hi")
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.add(tmp_path / "hello", "hello")
    serve({"GET /containers/c1/archive": (200, (tmp_path / "a.tar").read_bytes())})
    assert play("cp", "c1:/etc/hello", str(tmp_path / "renamed")).exit_code == 0
    assert (tmp_path / "renamed").read_text() == "hi"
    assert play("cp", "a:/x", "b:/y").exit_code == 1


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert "_SEAWAY_COMPLETE" in result.output


def complete(words: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    monkeypatch.setenv("_SEAWAY_COMPLETE", "bash_complete")
    result = CliRunner().invoke(main, [], prog_name="seaway")
    return [line.partition(",")[2] for line in result.output.splitlines() if "," in line]


def test_completion_of_commands_flags_and_names(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEAWAY_HOST", str(tmp_path / "s.sock"))
    assert complete("seaway netw", monkeypatch) == ["network"]
    assert "--network-alias" in complete("seaway run --netw", monkeypatch)
    assert complete("seaway network rm x", monkeypatch) == []
    serve({"GET /networks": (200, [{"Name": "front"}, {"Name": "back"}])})
    assert complete("seaway network rm fr", monkeypatch) == ["front"]


@pytest.mark.parametrize(("daemons", "spoken"), [("1.41", "1.41"), ("1.50", "1.50"), ("1.99", "1.50")])
def test_the_newest_version_that_both_know_is_spoken(
    serve: Serve, play: Play, daemons: str, spoken: str
) -> None:
    paths: list[str] = []

    def answer(handler: Any) -> None:
        paths.append(handler.path)
        handler.reply(200, [])

    serve({"GET /version": (200, {"ApiVersion": daemons}), "GET /networks": answer})
    assert play("network", "ls").exit_code == 0
    assert paths == [f"/v{spoken}/networks"]


def test_the_certificate_of_the_command_line_wins_over_one_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Requests would else take the one of the environment, and no daemon with its own CA could be reached."""
    authority = tmp_path / "ca.pem"
    authority.write_text("")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/elsewhere.pem")
    client = Client(Target(host="tcp://127.0.0.1:1", tls=True, verify=True, ca=str(authority)))
    asked: list[dict[str, Any]] = []

    def request(*_args: Any, **more: Any) -> Any:
        asked.append(more)
        raise requests.exceptions.ConnectionError

    monkeypatch.setattr(client.sdk, "request", request)
    with pytest.raises(Unreachable):
        client.get("/info")
    assert [more["verify"] for more in asked] == [str(authority)]
