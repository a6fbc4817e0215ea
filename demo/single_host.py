"""Play the single-host half of the tutorial on a throw-away host, showing each command and its output.

.venv/bin/python demo/single_host.py [--seaway] [--quiet]
"""

import argparse
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from demo.host import DOCKER, Host, Street
from demo.machine import Result
from demo.story import CHAPTERS, Chapter, Step, step
from demo.traces import look, settle_to

IMAGE = Path(__file__).resolve().parents[1] / "build/training-webapp.tar"


class Stage:
    """Where the story is played: shows what is typed and what comes back, counts what went wrong."""

    def __init__(self, host: Host, client: str, quiet: bool) -> None:
        self.host = host
        self.client = client
        self.quiet = quiet
        self.wrong: list[str] = []
        self.played = 0
        self.page: list[str] = []
        for machine in (host, host.lan):  # curl waits until the server has started
            (machine.root / ".curlrc").write_text(_CURL)
            machine.env["CURL_HOME"] = str(machine.root)

    def say(self, words: str) -> None:
        """Show a line."""
        if not self.quiet:
            print(words, flush=True)

    def play(self, step: Step) -> Result:
        """Type one command, show what comes back, and compare it with what must come back."""
        machine = self.host if step.where == "host" else self.host.lan
        command = re.sub(r"\bdocker (?=[a-z])", f"{self.client} ", step.command)
        self.say(f"\nroot@{machine.name}:~# {command}")
        deadline = time.monotonic() + step.patience
        result = machine.sh(command, check=False, timeout=40)
        while not step.shown_by(result.text, result.code) and time.monotonic() < deadline:
            time.sleep(0.2)
            result = machine.sh(command, check=False, timeout=40)
        shown = [result.text.rstrip(), f"[exit status {result.code}]" if result.code else ""]
        self.say("\n".join(line for line in shown if line))
        self.page += [
            "```",
            f"root@{machine.name}:~# {command}",
            *(line for line in shown if line),
            "```",
            "",
        ]
        self.played += 1
        if not step.shown_by(result.text, result.code):
            self.wrong.append(f"{command}\n    expected {step.shows!r}, saw {result.text.strip()!r}")
            self.say("!! not what was expected")
        return result

    def read(self, chapter: Chapter) -> None:
        """Play a chapter."""
        self.say(f"\n──── {chapter.title} ────\n{chapter.words}")
        self.page += [f"## {chapter.title}", "", chapter.words, ""]
        for one in chapter.steps:
            self.play(one)


_CURL = "silent\nretry = 8\nretry-delay = 1\nretry-all-errors\nmax-time = 3\n"

_OPENING = """# The story: one host, step by step

This is what `make demo` played. A throw-away host has the address 192.168.1.20. Its neighbour on the LAN,
192.168.1.18, is its router too; 203.0.113.1 is the world outside. Commands and output are real; this page
was written by `demo/single_host.py --story docs/story.md`.
"""


def tell(client: str, quiet: bool, story: str = "") -> int:
    """Build the host, play the story, look what was left; 0 when all was as expected."""
    started = time.monotonic()
    with Street() as street:
        host = street.host()
        host.start()
        stage = Stage(host, client, quiet)
        stage.say("A throw-away host: 192.168.1.20, its neighbour on the LAN and router: 192.168.1.18")
        stage.play(step(f"docker load -i {IMAGE}", "training/webapp"))
        before = look(host)
        for chapter in CHAPTERS:
            stage.read(chapter)
        left = settle_to(host, before)
        if story:
            page = "\n".join([_OPENING, *stage.page]).replace(f"{IMAGE.parents[1]}/", "")
            Path(story).write_text("\n".join(line.rstrip() for line in page.splitlines()) + "\n")
        code = host.stop()
        empty = look(host)
    print(
        f"\n──── summary ────\n{stage.played} commands by {client}, {len(stage.wrong)} not as expected,",
        end=" ",
    )
    print(f"{time.monotonic() - started:.0f} s.")
    print("Left behind by the containers: " + (left or "nothing") + ".")
    print(f"The daemon stopped on SIGTERM with exit status {code}; the host, its bridges and rules are gone.")
    for line in stage.wrong:
        print("wrong: " + line)
    return 1 if stage.wrong or left or code or empty.processes else 0


def main() -> int:
    """Read the flags and tell the story."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seaway", action="store_true", help="use seaway's own command line, not docker's")
    parser.add_argument("--quiet", action="store_true", help="show the summary only")
    parser.add_argument("--story", default="", metavar="FILE", help="write what was played as a page")
    flags = parser.parse_args()
    return tell("seaway" if flags.seaway or not DOCKER else "docker", flags.quiet, flags.story)


if __name__ == "__main__":
    sys.exit(main())
