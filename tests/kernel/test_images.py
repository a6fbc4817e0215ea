"""Images by skopeo and umoci: load, save, import, remove, and the roots they unpack to."""

import bz2
import gzip
import io
import json
import lzma
import os
import stat
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from seaway.errors import Conflict, InvalidInput, NotFound
from seaway.runtime.images import Images
from seaway.runtime.rootfs import Rootfs
from tests.unit.runtime.image_kit import (
    ABOVE,
    BASE,
    blobs,
    docker_archive,
    identity,
    load,
    nobody,
    pieces,
    run,
    sha,
)

pytestmark = pytest.mark.root


@pytest.fixture
async def images(tmp_path: Path) -> AsyncIterator[Images]:
    found = Images(tmp_path / "images")
    await found.open()
    yield found
    assert not list((tmp_path / "images/tmp").iterdir()), "something half-made was left"


@pytest.mark.parametrize("squeeze", [bytes, gzip.compress, bz2.compress, lzma.compress])
async def test_load_keeps_the_id_and_the_name(images: Images, squeeze: Any) -> None:
    data = docker_archive(([BASE, ABOVE], ["own/thing:2", "docker.io/library/other:3"]), Cmd=["sh"])
    assert await load(images, squeeze(data)) == "Loaded image: own/thing:2\nLoaded image: other:3\n"
    image = await images.get("other:3")
    assert image.id == identity([BASE, ABOVE], Cmd=["sh"])
    assert image.tags == ("other:3", "own/thing:2")
    assert image.config.cmd == ("sh",)
    assert image.size == len("#!") + len("one") + len("x") + len("three") + len("gg")
    assert [step["size"] for step in image.history] == [6, 7]


async def test_the_root_has_what_the_layers_say(images: Images) -> None:
    devices = io.BytesIO()
    with tarfile.open(fileobj=devices, mode="w") as tar:
        for name, kind in (("null", tarfile.CHRTYPE), ("hard", tarfile.LNKTYPE), ("suid", tarfile.REGTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.devmajor, info.devminor, info.linkname, info.mode = kind, 1, 3, "etc/a", 0o4711
            info.uid, info.gid = 7, 8
            if kind == tarfile.LNKTYPE:
                info.mode, info.uid, info.gid = 0o755, 0, 0
            tar.addfile(info)
    await load(images, docker_archive(([BASE, ABOVE, devices.getvalue()], ["a:1"])))
    root = await images.rootfs((await images.get("a:1")).id)
    assert (root / "etc/a").read_text() == (root / "link").read_text() == "three"
    assert not (root / "etc/gone").exists()
    assert [p.name for p in (root / "old").iterdir()] == ["g"]
    assert (root / "null").stat().st_rdev == os.makedev(1, 3)
    assert (root / "hard").stat().st_ino == (root / "etc/a").stat().st_ino
    status = (root / "suid").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o4711, 7, 8)


async def test_an_unnamed_image_and_a_name_that_moves(images: Images) -> None:
    assert await load(images, docker_archive(([BASE], []))) == f"Loaded image ID: {identity([BASE])}\n"
    await load(images, docker_archive(([BASE], ["a:1"])))
    said = await load(images, docker_archive(([BASE, ABOVE], ["a:1"])))
    assert f"renaming the old one with ID {identity([BASE])} to empty string" in said
    assert (await images.get("a:1")).id == identity([BASE, ABOVE])
    assert (await images.get(identity([BASE])[7:19])).tags == ()


async def test_what_was_saved_is_loaded_again(images: Images, tmp_path: Path) -> None:
    await load(images, docker_archive(([BASE], ["a:1", "a:2"]), ([BASE, ABOVE], ["b:1"])))
    saved = b"".join([piece async for piece in images.save(["a", "b:1", identity([BASE])])])
    with tarfile.open(fileobj=io.BytesIO(saved)) as tar:
        manifest = json.load(tar.extractfile("manifest.json") or pytest.fail("no manifest"))
        assert [item["RepoTags"] for item in manifest] == [["a:1", "a:2"], ["b:1"]]
        for item in manifest:
            config = tar.extractfile(item["Config"])
            assert config and sha(config.read()) == item["Config"].removesuffix(".json")
        assert len([name for name in tar.getnames() if name.endswith("layer.tar")]) == 2
    other = Images(tmp_path / "other")
    await other.open()
    await load(other, saved)
    assert {image.id: image.tags for image in await other.list()} == {
        image.id: image.tags for image in await images.list()
    }
    (tmp_path / "saved.tar").write_bytes(saved)
    listed = run("skopeo", "list-tags", f"docker-archive:{tmp_path}/saved.tar")
    assert set(json.loads(listed)["Tags"]) == {"a:1", "a:2", "b:1"}
    with pytest.raises(NotFound, match="No such image: absent:latest"):
        await anext(aiter(images.save(["absent"])))


async def test_an_oci_archive(images: Images, tmp_path: Path) -> None:
    (tmp_path / "d.tar").write_bytes(docker_archive(([BASE, ABOVE], ["x:1"]), Cmd=["sh"]))
    for name in ("named:5", ""):
        target = f"oci-archive:{tmp_path}/o.tar:{name}".rstrip(":")
        run("skopeo", "--insecure-policy", "copy", f"docker-archive:{tmp_path}/d.tar", target)
        said = await load(images, gzip.compress((tmp_path / "o.tar").read_bytes()))
        assert said.startswith("Loaded image: named:5\n" if name else "Loaded image ID: sha256:")
        (tmp_path / "o.tar").unlink()
    [image] = await images.list()
    assert image.config.cmd == ("sh",)
    assert ((await images.rootfs(image.id)) / "etc/a").read_text() == "three"


async def test_import_with_changes(images: Images) -> None:
    changes = ['CMD ["echo","hi"]', "ENV A=1", "EXPOSE 80/tcp"]
    image_id = await images.import_(pieces(gzip.compress(BASE)), "imp:1", "", "by hand", changes)
    image = await images.get("imp:1")
    assert image.id == image_id
    assert (image.comment, image.config.cmd, image.config.env) == ("by hand", ("echo", "hi"), ("A=1",))
    assert image.config.exposed_ports == {"80/tcp": {}}
    assert image.diff_ids == (f"sha256:{sha(BASE)}",)
    with pytest.raises(InvalidInput, match="RUN is not a valid change command"):
        await images.import_(pieces(BASE), "imp", "2", "", ["RUN x"])
    with pytest.raises(InvalidInput, match="invalid tar archive"):
        await images.import_(pieces(b"junk" * 1000), "imp", "2", "", [])
    assert [i.tags for i in await images.list()] == [("imp:1",)]
    assert await images.import_(pieces(BASE), "", "", "", []) in {i.id for i in await images.list()}


async def test_a_layer_upon_another_image(images: Images) -> None:
    await load(images, docker_archive(([BASE], ["a:1"]), Env=["A=1"]))
    base = await images.get("a:1")
    child = await images.create_from_layer(
        pieces(ABOVE), base=base, config=base.config, repo="b", author="me", changes=["ENV B=2"]
    )
    image = await images.get("b:latest")
    assert (image.id, image.parent, image.author) == (child, base.id, "me")
    assert image.config.env == ("A=1", "B=2")
    assert [step["size"] for step in image.history] == [6, 7]
    assert ((await images.rootfs(child)) / "etc/a").read_text() == "three"
    with pytest.raises(Conflict, match=r"cannot be forced.* - image has dependent child images"):
        await images.remove(base.id, True, nobody)


async def test_a_committed_container_is_what_it_saw(images: Images, tmp_path: Path) -> None:
    await load(images, docker_archive(([BASE], ["a:1"])))
    base = await images.get("a:1")
    roots = Rootfs(tmp_path / "containers")
    seen = Path(roots.mount("c", str(await images.rootfs(base.id))))
    (seen / "etc/gone").unlink()
    (seen / "etc/a").write_text("changed")
    run("rm", "-r", str(seen / "old"))
    (seen / "old").mkdir()
    (seen / "old/new").write_text("n")
    (seen / "old/link").hardlink_to(seen / "old/new")
    (seen / "old/soft").symlink_to("new")
    os.mknod(seen / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    os.chmod(seen / "bin/sh", 0o4700)
    os.setxattr(seen / "bin/sh", "user.mark", b"1")
    (seen / "hosts").touch()
    upper = roots.upper("c")
    assert upper
    made = await images.commit(upper, base=base, config=base.config, repo="new", without=["/hosts"])
    root = await images.rootfs(made)
    (seen / "hosts").unlink()
    assert tree(root) == tree(seen)
    assert "/etc/gone" not in tree(root) and "/old/f" not in tree(root)
    roots.remove("c")
    assert (await images.get("new")).parent == base.id


def tree(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for place in root.rglob("*"):
        status = place.lstat()
        content = os.readlink(place) if place.is_symlink() else place.read_text() if place.is_file() else ""
        marks = [m for m in os.listxattr(place, follow_symlinks=False) if m.startswith("user.")]
        links = 1 if place.is_dir() else status.st_nlink
        found[f"/{place.relative_to(root)}"] = (status.st_mode, status.st_rdev, links, content, marks)
    return found


async def test_remove_takes_blobs_and_root_only_when_nobody_else_has_them(
    images: Images, tmp_path: Path
) -> None:
    await load(images, docker_archive(([BASE], ["a:1"]), ([BASE, ABOVE], ["b:1"])))
    first, second = await images.get("a:1"), await images.get("b:1")
    assert await images.layers_size() == 13
    assert await images.remove("b:1", False, nobody) == [
        {"Untagged": "b:1"},
        {"Deleted": second.id},
        {"Deleted": "sha256:" + sha(f"{second.diff_ids[0]} {second.diff_ids[1]}".encode())},
    ]
    assert blobs(tmp_path / "images") == {first.id[7:], sha(BASE)}
    assert [p.name for p in (tmp_path / "images/rootfs").iterdir()] == [first.id[7:]]
    with pytest.raises(NotFound, match=r"^No such image: b:1$"):
        await images.get("b:1")


async def test_a_stopped_container_keeps_the_root_of_a_forced_away_image(images: Images) -> None:
    await load(images, docker_archive(([BASE], ["a:1"])))
    image = await images.get("a:1")
    users = {image.id: [("c" * 64, False)]}
    with pytest.raises(Conflict, match='"a:1" \\(must force\\) - container cccccccccccc is using'):
        await images.remove("a:1", False, lambda i: users.get(i, []))
    gone = await images.remove("a:1", True, lambda i: users.get(i, []))
    assert gone == [{"Untagged": "a:1"}, {"Deleted": image.id}]
    root = await images.rootfs(image.id)
    assert (root / "etc/a").exists()
    await images.prune(dangling=True, users=nobody)
    assert not root.exists()
    with pytest.raises(NotFound):
        await images.rootfs(image.id)


async def test_prune(images: Images) -> None:
    await load(images, docker_archive(([BASE], ["a:1"]), ([BASE, ABOVE], []), ([ABOVE], ["used:1"])))
    used = (await images.get("used:1")).id
    users = {used: [("c" * 64, False)]}
    records, freed = await images.prune(dangling=True, users=lambda i: users.get(i, []))
    assert records[0] == {"Deleted": identity([BASE, ABOVE])} and freed == 7
    records, freed = await images.prune(dangling=False, users=lambda i: users.get(i, []))
    assert records[:2] == [{"Untagged": "a:1"}, {"Deleted": identity([BASE])}] and freed == 6
    assert [image.id for image in await images.list()] == [used]
