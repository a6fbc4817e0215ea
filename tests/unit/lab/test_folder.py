"""What is known of a lab between two commands."""

import os
from pathlib import Path

import pytest

from seaway.errors import Conflict, NotFound
from seaway.lab.folder import Folder, State, all_labs
from seaway.lab.machine import status, strays
from seaway.lab.plan import Plan


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder("lab", tmp_path / "labs")
    made.make()
    return made


def test_a_state_comes_back(folder: Folder) -> None:
    state = State(Plan(hosts=4), {"h2": "silent"}, (12, 34), ready=True)
    folder.write(state)
    assert folder.read() == state
    assert folder.change(cut={}) == State(Plan(hosts=4), {}, (12, 34), ready=True) == folder.read()


def test_the_folders_are_roots_alone(folder: Folder) -> None:
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert folder.labs.stat().st_mode & 0o777 == 0o700


def test_a_lab_that_is_up_is_not_built_twice(folder: Folder) -> None:
    folder.write(State(Plan(), {}, ready=True))
    with pytest.raises(Conflict, match="is up already: seaway lab ls shows it, seaway lab down ends it"):
        folder.make()


def test_a_half_made_lab_is_told_of_with_its_cure(folder: Folder) -> None:
    for half in (None, State(Plan(), {})):
        if half:
            folder.write(half)
        with pytest.raises(Conflict, match="seaway lab down clears it away"):
            folder.make()


def test_what_cannot_be_read_is_told_of(folder: Folder) -> None:
    with pytest.raises(Conflict, match="never finished; seaway lab down"):
        folder.read()
    for text in ("", "{}", '{"plan": 1}', "[]"):
        folder.file.write_text(text)
        with pytest.raises(Conflict, match="cannot be read"):
            folder.read()


def test_no_lab_is_told_with_the_command_that_builds_one(tmp_path: Path) -> None:
    other = Folder("b", tmp_path)
    with pytest.raises(NotFound, match="there is no lab b; seaway lab up --name b builds it"):
        other.read()
    with pytest.raises(NotFound), other.lock():
        pass


def test_the_last_lab_takes_the_folder_with_it(folder: Folder) -> None:
    second = Folder("b", folder.labs)
    second.make()
    assert [f.name for f in all_labs(folder.labs)] == ["b", "lab"]
    folder.remove()
    assert second.path.exists()
    second.remove()
    assert not folder.labs.exists()
    assert not all_labs(folder.labs)


def test_an_ephemeral_lab_is_an_orphan_when_its_maker_is_another_process(folder: Folder) -> None:
    pid, _, _, born = status(Path("/proc/self/stat"))
    assert pid == os.getpid()
    assert not State(Plan(), {}, (pid, born)).orphaned
    assert State(Plan(), {}, (pid, born - 1)).orphaned, "the number was given to another process"
    assert State(Plan(), {}, (2**22 + 1, 5)).orphaned
    assert not State(Plan(), {}).orphaned, "it is no ephemeral lab"


def test_a_status_with_a_strange_name(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("77 (a) b (c) S " + " ".join(str(n) for n in range(4, 53)))
    assert status(stat) == (77, "a) b (c", "S", 22)
    stat.write_text("")
    assert status(stat) == status(tmp_path / "none") == (0, "", "", 0)


def test_nobody_holds_machines_in_an_empty_folder(tmp_path: Path) -> None:
    assert strays(tmp_path) == []
