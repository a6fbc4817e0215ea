"""Play the tutorial's section on many hosts in a lab that is built for it and gone afterwards.

.venv/bin/python demo/cluster.py [--store etcd|consul|zookeeper] [--hosts N] [--seaway] [--quiet]
"""

import argparse
import re
import sys
from pathlib import Path

from seaway.errors import SeawayError
from seaway.lab import Lab
from seaway.lab.story import play

ROOT = Path(__file__).resolve().parents[1]
IMAGE = ROOT / "build/training-webapp.tar"

_OPENING = """# The story: many hosts, step by step

This is what `make demo` played second. A lab on one machine: hosts h1 = 192.168.1.21 and h2 = 192.168.1.20, a
store at 192.168.1.18. Commands and output are real; this page was written by
`demo/cluster.py --story docs/story-cluster.md`.
"""


def _page(told: list[str]) -> str:
    """What was said, as Markdown: a heading for each chapter, a block for each run of commands."""
    lines, title = ["", "```"], re.compile(r"\n──── (.*) ────\n(.*)")
    for words in told:
        chapter = title.match(words)
        lines += (
            ["```", "", f"## {chapter[1]}", "", chapter[2], "", "```"] if chapter else [words.strip("\n")]
        )
    text = "\n".join(line.rstrip() for line in "\n".join([*lines, "```", ""]).splitlines())
    return re.sub(r"```\n+```\n?", "", text).rstrip() + "\n"


def tell(store: str, hosts: int, own: bool, quiet: bool, page: str) -> int:
    """Build the lab, play the story, take the lab down; 0 when all was as it must be."""
    told: list[str] = []

    def say(words: str) -> None:
        told.append(words)
        if not quiet:
            print(words, flush=True)

    lab = Lab(hosts=hosts, store=store, images=[IMAGE], ephemeral=True)
    lab.up(say)
    try:
        code = play(lab, "article", own, say)
    finally:
        lab.down()
    if quiet:
        print("\n".join(told[told.index(next(w for w in told if "summary" in w)) :]))
    print("The hosts, the store and the switch between them are gone.")
    if page:
        Path(page).write_text(f"{_OPENING}{_page(told)}")
    return code


def main() -> int:
    """Read the flags and tell the story."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", default="etcd", help="etcd, consul or zookeeper")
    parser.add_argument("--hosts", default=2, type=int, help="how many hosts, two at least")
    parser.add_argument("--seaway", action="store_true", help="use seaway's own command line, not docker's")
    parser.add_argument("--quiet", action="store_true", help="show the summary only")
    parser.add_argument("--story", default="", metavar="FILE", help="write what was played as a page")
    flags = parser.parse_args()
    try:
        return tell(flags.store, flags.hosts, flags.seaway, flags.quiet, flags.story)
    except SeawayError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
