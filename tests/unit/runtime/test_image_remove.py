"""Docker's rules for rmi and prune, without a disk."""

import re
from typing import Any

import pytest

from seaway.errors import Conflict
from seaway.model.image import Image
from seaway.runtime.image_layers import chain_ids
from seaway.runtime.image_remove import User, prune, remove
from seaway.runtime.image_store import Index, Record

A, B = ("sha256:" + letter * 64 for letter in "ab")
L1, L2, L3 = ("sha256:" + digit * 64 for digit in "123")
DIGEST = "@sha256:" + "d" * 64
IMAGES = {A: Image(id=A, diff_ids=(L1, L2)), B: Image(id=B, diff_ids=(L1, L3))}
RUNNING: tuple[User, ...] = (("c" * 64, True),)
STOPPED: tuple[User, ...] = (("e" * 64, False),)


def index(tags: str = "", digests: str = "", **more: Any) -> Index:
    """An index where A has these names, and B is untagged."""
    return Index(
        images={A: Record(sizes=(5, 7)), B: Record(sizes=(5, 11))} | more,
        tags=dict.fromkeys(tags.split(), A),
        digests=dict.fromkeys(digests.split(), A),
    )


def gone(found: Index, name: str, users: tuple[User, ...] = (), force: bool = False) -> list[str]:
    removal = remove(found, IMAGES, A, name, name or A[7:19], users, force=force)
    deleted = {"Deleted": A} in removal.records
    assert deleted == (A not in removal.index.images)
    assert not deleted or not removal.index.names(A)
    return [f"{kind[0]} {value}" for record in removal.records for kind, value in record.items()]


DELETED = [f"D {A}", f"D {chain_ids((L1, L2))[1]}"]


def test_one_of_two_names_goes_alone() -> None:
    assert gone(index("x:1 y:1"), "x:1", RUNNING) == ["U x:1"]


def test_the_last_name_takes_the_image_and_its_own_layers() -> None:
    assert gone(index("x:1"), "x:1") == ["U x:1", *DELETED]


def test_the_last_tag_of_a_repository_takes_its_digests() -> None:
    assert gone(index("x:1", f"x{DIGEST}"), "x:1") == ["U x:1", f"U x{DIGEST}", *DELETED]
    assert gone(index("x:1 x:2", f"x{DIGEST}"), "x:1") == ["U x:1"]
    assert gone(index("x:1", f"y{DIGEST}"), "x:1") == ["U x:1"]


def test_a_digest_goes_alone_while_there_is_a_tag() -> None:
    assert gone(index("x:1", f"x{DIGEST}"), f"x{DIGEST}", STOPPED, force=True) == [f"U x{DIGEST}"]


@pytest.mark.parametrize("users", [RUNNING, STOPPED])
def test_the_last_name_of_a_used_image_needs_force(users: tuple[User, ...]) -> None:
    words = (
        f'conflict: unable to remove repository reference "x:1" (must force) - container {users[0][0][:12]} '
        f"is using its referenced image {A[7:19]}"
    )
    with pytest.raises(Conflict, match=f"^{re.escape(words)}$"):
        gone(index("x:1", f"x{DIGEST}"), "x:1", users)


def test_force_untags_under_a_running_container_and_deletes_under_a_stopped_one() -> None:
    assert gone(index("x:1"), "x:1", RUNNING, force=True) == ["U x:1"]
    assert gone(index("x:1"), "x:1", STOPPED, force=True) == ["U x:1", f"D {A}"]


def test_by_id_with_one_name() -> None:
    assert gone(index("x:1", f"x{DIGEST}"), "") == ["U x:1", f"U x{DIGEST}", *DELETED]
    assert gone(index(), "") == DELETED


@pytest.mark.parametrize(
    ("tags", "users", "force", "verb", "why"),
    [
        ("x:1 y:1", (), False, "must", "image is referenced in multiple repositories"),
        ("x:1 x:2", (), False, "must", "image is referenced in multiple repositories"),
        ("x:1", RUNNING, False, "cannot", "image is being used by running container cccccccccccc"),
        ("x:1", RUNNING, True, "cannot", "image is being used by running container cccccccccccc"),
        ("x:1", STOPPED, False, "must", "image is being used by stopped container eeeeeeeeeeee"),
        ("", STOPPED, False, "must", "image is being used by stopped container eeeeeeeeeeee"),
    ],
)
def test_by_id_refused(tags: str, users: tuple[User, ...], force: bool, verb: str, why: str) -> None:
    words = f"conflict: unable to delete {A[7:19]} ({verb} be forced) - {why}"
    with pytest.raises(Conflict, match=f"^{re.escape(words)}$"):
        gone(index(tags), "", users, force)


def test_by_id_forced() -> None:
    assert gone(index("x:1 y:1"), "", force=True) == ["U x:1", "U y:1", *DELETED]
    assert gone(index("x:1"), "", STOPPED, force=True) == ["U x:1", f"D {A}"]


def test_a_parent_stays() -> None:
    with_child = index("x:1", **{B: Record(parent=A)})
    with pytest.raises(Conflict, match=r"cannot be forced.*image has dependent child images"):
        gone(with_child, "", force=True)
    assert gone(with_child, "x:1") == ["U x:1"]


def test_prune_weighs_what_layers_give_back() -> None:
    def nobody(_: str) -> tuple[User, ...]:
        return ()

    found = prune(index("x:1"), IMAGES, lambda _: True, nobody, dangling=True)
    assert found.records == ({"Deleted": B}, {"Deleted": chain_ids((L1, L3))[1]})
    assert found.freed == 11
    found = prune(index("x:1"), IMAGES, lambda _: True, nobody, dangling=False)
    assert found.index == Index() and found.freed == 5 + 7 + 11
    found = prune(index("x:1"), IMAGES, lambda image: image.id == A, nobody, dangling=False)
    assert set(found.index.images) == {B}
    found = prune(index("x:1"), IMAGES, lambda _: True, lambda i: STOPPED if i == A else (), dangling=False)
    assert set(found.index.images) == {A} and found.index.tags == {"x:1": A}
