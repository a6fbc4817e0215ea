"""A lab's folder: what is known of it between two commands, one writer at a time."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seaway.errors import Conflict, NotFound
from seaway.lab.machine import status
from seaway.lab.plan import Plan

LABS = Path("/run/seaway-lab")
"""One folder for each lab, mode 0700."""


@dataclass(frozen=True, slots=True)
class State:
    """What state.json says. ``cut`` has how a machine was cut off: ``down`` or ``silent``.

    ``maker`` is the process (id and start time) that an ephemeral lab belongs to, (0, 0) for others.
    ``ready`` is set when ``up`` has come to its end.
    """

    plan: Plan
    cut: dict[str, str]
    maker: tuple[int, int] = (0, 0)
    ready: bool = False

    def as_json(self) -> dict[str, Any]:
        """For the file."""
        return {
            "version": 1,
            "plan": self.plan.as_json(),
            "cut": self.cut,
            "maker": list(self.maker),
            "ready": self.ready,
        }

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "State":
        """Back from the file."""
        pid, born = kept["maker"]
        return cls(Plan.from_json(kept["plan"]), dict(kept["cut"]), (pid, born), kept["ready"])

    @property
    def orphaned(self) -> bool:
        """Whether it is an ephemeral lab whose maker has ended."""
        pid, born = self.maker
        return bool(pid) and status(Path(f"/proc/{pid}/stat"))[3] != born


class Folder:
    """The folder of one lab."""

    def __init__(self, name: str, labs: Path | None = None) -> None:
        self.labs = labs or LABS
        self.name = name
        self.path = self.labs / name
        self.file = self.path / "state.json"

    def make(self) -> None:
        """Make it; Conflict when there is one."""
        self.labs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.labs.chmod(0o700)
        try:
            self.path.mkdir(mode=0o700)
        except FileExistsError:
            raise Conflict(_there_already(self)) from None

    def read(self) -> State:
        """What is known; NotFound when there is no such lab, Conflict when it is not whole."""
        try:
            return State.from_json(json.loads(self.file.read_text()))
        except FileNotFoundError:
            if self.path.exists():
                raise Conflict(
                    f"lab {self.name} was never finished; {_command('down', self.name)} clears it away"
                ) from None
        except (ValueError, KeyError, TypeError) as error:
            raise Conflict(
                f"{self.file} cannot be read ({error}); {_command('down', self.name)} clears the lab away"
            ) from error
        raise NotFound(f"there is no lab {self.name}; {_command('up', self.name)} builds it")

    def write(self, state: State) -> None:
        """Keep; the file is always whole."""
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(state.as_json(), indent=2) + "\n")
        new.replace(self.file)

    def change(self, **fields: Any) -> State:
        """Read, replace fields, write; under the lock."""
        state = replace(self.read(), **fields)
        self.write(state)
        return state

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One at a time; NotFound when the lab is gone when it is our turn."""
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NotFound(f"there is no lab {self.name}; {_command('up', self.name)} builds it") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if not self.path.exists() or os.fstat(handle).st_ino != self.path.stat().st_ino:
                raise NotFound(f"lab {self.name} was taken down meanwhile")
            yield
        finally:
            os.close(handle)

    def remove(self) -> None:
        """Remove all; the last lab takes the folder of labs with it."""
        shutil.rmtree(self.path)
        try:
            self.labs.rmdir()
        except OSError:
            return  # others are there


def all_labs(labs: Path | None = None) -> list[Folder]:
    """Every lab's folder, by name."""
    place = labs or LABS
    return [Folder(p.name, labs) for p in sorted(place.glob("*")) if p.is_dir()]


def _there_already(folder: Folder) -> str:
    name = folder.name
    try:
        ready = folder.read().ready
    except (Conflict, NotFound):
        ready = False
    if ready:
        return f"lab {name} is up already: {_command('ls', name)} shows it, {_command('down', name)} ends it"
    return f"lab {name} is being built or was left half-made; {_command('down', name)} clears it away"


def _command(verb: str, name: str) -> str:
    return f"seaway lab {verb}" + ("" if name == "lab" else f" --name {name}")
