"""The documents agree with the code: links, test files, make targets, options, figures."""

import json
import re
from pathlib import Path

import pytest

from seaway.api.routes import ROUTES
from seaway.cli.main import main as seaway
from seaway.daemon.options import IDLE, OPTIONS, REFUSED
from seaway.drivers.parts import _OPTIONS as BRIDGE_OPTIONS
from seaway.drivers.parts import PREFIX
from seaway.firewall.frame import FRAME
from tests.house.tree import ROOT

README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").glob("*.md"))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def heading(line: str) -> str:
    """The anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", line.lstrip("# ").strip().lower()).replace(" ", "-")


def wrong_links(path: Path) -> list[str]:
    """Targets of a page's links that are not there; examples in fences are no links."""
    found = []
    for target in LINK.findall(FENCE.sub("", path.read_text())):
        name, _, anchor = target.partition("#")
        other = (path.parent / name).resolve() if name else path
        if "://" not in target and not (other.exists() and (not anchor or anchor in anchors(other))):
            found.append(target)
    return found


def anchors(path: Path) -> set[str]:
    text = FENCE.sub("", path.read_text())
    return {heading(line) for line in text.splitlines() if line.startswith("#")}


@pytest.mark.parametrize("path", [README, *PAGES], ids=lambda p: p.name)
def test_links_lead_somewhere(path: Path) -> None:
    assert not wrong_links(path)


def test_a_wrong_link_is_seen(tmp_path: Path) -> None:
    other = ROOT / "docs" / "house.md"
    text = f"[a](nowhere.md) [b]({other}#nothing) [c]({other}#rules)\n```\n[d](in-code.md)\n```\n"
    (tmp_path / "page.md").write_text(text)
    assert wrong_links(tmp_path / "page.md") == ["nowhere.md", f"{other}#nothing"]


def test_every_page_can_be_found_from_the_readme() -> None:
    linked = set(LINK.findall(README.read_text()))
    assert {f"docs/{p.name}" for p in PAGES} <= linked


def test_claims_name_tests_that_exist() -> None:
    rows = re.search(r"^## What works$(.*?)^## ", README.read_text(), re.DOTALL | re.MULTILINE)
    assert rows
    claims = [line for line in rows[1].splitlines() if line.startswith("| ") and "Proved by" not in line]
    assert len(claims) > 15
    for claim in claims:
        proofs = LINK.findall(claim)
        assert proofs, f"nothing proves: {claim}"
        for proof in proofs:
            assert re.search(r"def test_|TestCase", (ROOT / proof).read_text()), proof


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for path in (README, *PAGES):
        named = set(re.findall(r"(?:^|`)make ([a-z-]+)", path.read_text(), re.MULTILINE))
        assert named <= targets, f"{path.name}: {named - targets}"
    assert "`make demo`" in README.read_text()


def test_the_daemons_options_are_those_documented() -> None:
    documented = re.findall(
        r"^\| `--([a-z0-9-]+)`(?:, `-(\w)`)? \| `([a-z0-9-]+)` \|", page("daemon.md"), re.M
    )
    assert sorted(documented) == sorted((o.flag, o.short, o.name) for o in OPTIONS)


def test_the_daemons_options_stand_in_the_right_table() -> None:
    text = page("daemon.md")
    warned, refused = text.index("### Accepted with a warning"), text.index("### Refused")
    for option in OPTIONS:
        place = text.index(f"| `--{option.flag}`")
        assert (place > refused) == (option in REFUSED), option.flag
        assert (warned < place < refused) == (option in IDLE), option.flag


def test_options_elsewhere_exist() -> None:
    known = {o.flag for o in OPTIONS} | {"config-file", "validate"}
    for path in (README, *PAGES):
        for line in re.findall(r"seaway daemon (--?.*)", path.read_text()):
            given = set(re.findall(r"(?<![\w-])--([a-z0-9-]+)", line)) - {"nonsense", "help"}
            assert given <= known, f"{path.name}: {given - known}"


def test_the_bridges_options_are_those_documented() -> None:
    hidden = {"bridge.default_bridge", "enable_ipv4", "enable_ipv6"}
    text = page("bridge.md")
    table = text[text.index("| Key | Values |") :].split("\n\n")[0]
    named = {
        key.replace("…", "bridge.gateway_mode") for key in re.findall(r"`([a-z0-9_.…]+)`(?= \||,)", table)
    }
    assert named == {key.removeprefix(PREFIX) for key in BRIDGE_OPTIONS} - hidden


def test_the_tables_sets_are_those_documented() -> None:
    sets = set(re.findall(r"^\s(?:set|map) (\w+)", FRAME, re.MULTILINE))
    text = page("isolation.md")
    table = text[text.index("| Set or map |") :].split("\n\n")[0]
    assert set(re.findall(r"`([a-z_]+[46]?(?:_at)?)`", table)) - {"trusted_host_interfaces"} >= sets


def test_the_forward_chain_shown_is_the_real_one() -> None:
    real = FRAME[FRAME.index("\tchain forward {") :].split("\n\t}")[0]
    assert real in page("isolation.md")


def test_the_command_lines_commands_are_those_documented() -> None:
    words = set(re.findall(r"[a-z]+", page("cli.md")))
    assert set(seaway.commands) <= words


def test_the_apis_nouns_are_those_documented() -> None:
    text = page("api.md")
    nouns = {path.split("/")[1] for _, path, _ in ROUTES}
    assert {n for n in nouns if n not in text} <= {"session"}


def test_figures_come_from_the_result_files() -> None:
    results = ROOT / "bench/results"
    text = README.read_text()
    section = text[text.index("<!-- figures: begin") : text.index("<!-- figures: end -->")]
    known = {
        source: {f["name"] for f in json.loads((results / source).read_text())["figures"]}
        for source in ("attach.json", "cluster.json")
    }
    rows = re.findall(r"^\| (.+?) \|.*\(bench/results/(\w+\.json)\) \|$", section, re.MULTILINE)
    assert len(rows) > 5
    assert {source for _, source in rows} > known.keys()
    assert all(name in known[source] for name, source in rows if source in known)
