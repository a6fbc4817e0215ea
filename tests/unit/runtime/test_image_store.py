"""The directory of images: what survives, what is swept, what is refused."""

import json
from pathlib import Path

import msgspec
import pytest

from seaway.errors import Failure, InvalidInput, NotFound
from seaway.model.container import Config
from seaway.runtime import image_store
from seaway.runtime.image_config import read_image, write_image
from seaway.runtime.image_find import find, named_by_id, saved_names
from seaway.runtime.image_layers import absorb
from seaway.runtime.image_names import parse
from seaway.runtime.image_registry import Platform, Registry
from seaway.runtime.image_store import ImageStore, Index, Record
from seaway.runtime.image_tools import Tools, reason
from tests.unit.runtime.image_kit import config_of, sha, tarred


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    found = ImageStore(tmp_path / "images")
    found.open()
    return found


def add(store: ImageStore, *tags: str, comment: str = "") -> str:
    image_id = store.keep_config(config_of([], Labels={"n": comment}))
    index = msgspec.structs.replace(
        store.index,
        images={**store.index.images, image_id: Record()},
        tags={**store.index.tags, **dict.fromkeys(tags, image_id)},
    )
    store.commit(index)
    return image_id


def test_what_was_committed_is_there_again(store: ImageStore) -> None:
    image_id = add(store, "a:1", "b:2")
    again = ImageStore(store.root)
    again.open()
    assert again.image(image_id) == store.image(image_id)
    assert again.image(image_id).tags == ("a:1", "b:2")


def test_what_nobody_names_is_swept(store: ImageStore) -> None:
    image_id = add(store, "a:1")
    store.keep_config(b"orphan")
    (store.root / "tmp/half").mkdir()
    (store.root / "tmp/half/file").touch()
    store.open()
    assert [p.name for p in (store.root / "blobs/sha256").iterdir()] == [image_id[7:]]
    assert not list((store.root / "tmp").iterdir())


def test_a_crash_before_the_rename_leaves_the_old_index(
    store: ImageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(store, "a:1")
    before = (store.root / "repositories.json").read_bytes()

    def crash(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(image_store.os, "replace", crash)
    with pytest.raises(OSError, match="space"):
        store.commit(Index())
    assert (store.root / "repositories.json").read_bytes() == before
    assert store.index.tags == {"a:1": store.ids()[0]}
    assert not list((store.root / "tmp").iterdir())


def test_a_lost_configuration_hides_its_image_alone(store: ImageStore) -> None:
    lost, kept = add(store, "a:1", comment="1"), add(store, "b:1", comment="2")
    damaged = add(store, comment="4")
    store.blob(lost).unlink()
    store.blob(damaged).write_bytes(config_of([], Labels={"n": "other"}))
    store.open()
    assert store.ids() == [kept]
    with pytest.raises(NotFound):
        find(store, "a:1")
    add(store, "c:1", comment="3")
    assert lost in store.index.images
    assert add(store, comment="1") == lost
    assert find(store, "a:1") == lost


@pytest.mark.parametrize("text", ["{", '{"version": 99}', '{"images": 1}'])
def test_a_damaged_or_newer_index_is_refused(store: ImageStore, text: str) -> None:
    (store.root / "repositories.json").write_text(text)
    with pytest.raises(Failure, match=r"repositories\.json"):
        store.open()


def test_find(store: ImageStore) -> None:
    first, second = add(store, "a:1", "a:latest", comment="1"), add(store, "b:1", comment="2")
    for text in ("a", "a:1", "docker.io/library/a", first, first[7:], first[:19], first[7:19], first[7:11]):
        assert find(store, text) == first
    assert not named_by_id(store, "a", first)
    assert named_by_id(store, first[7:19], first)
    assert saved_names(store, "a") == [(first, "a:1"), (first, "a:latest")]
    assert saved_names(store, "b:1") == [(second, "b:1")]
    assert saved_names(store, second[7:19]) == saved_names(store, second) == [(second, "")]
    for text in ("a:2", "b", "0" * 64):
        with pytest.raises(NotFound, match="No such image: "):
            find(store, text)


def test_a_name_is_stronger_than_an_id(store: ImageStore) -> None:
    first = add(store, comment="1")
    second = add(store, f"{first[7:12]}:latest", comment="2")
    assert find(store, first[7:12]) == second


def test_an_ambiguous_id(store: ImageStore, monkeypatch: pytest.MonkeyPatch) -> None:
    twins = ["sha256:abcd" + c * 60 for c in "12"]
    monkeypatch.setattr(store, "ids", lambda: twins)
    with pytest.raises(InvalidInput, match="abcd is ambiguous: it fits abcd11111111, abcd22222222"):
        find(store, "abcd")
    with pytest.raises(NotFound):
        find(store, "abc")


def test_a_configuration_as_docker_and_others_write_it() -> None:
    image = read_image(
        json.dumps(
            {
                "architecture": "arm64",
                "os": "linux",
                "variant": "v8",
                "config": {
                    "Env": None,
                    "Cmd": ["x"],
                    "ExposedPorts": {"80/tcp": None},
                    "Volumes": {"/v": {}},
                    "ArgsEscaped": True,
                    "Healthcheck": {"Test": ["CMD", "x"], "Interval": 5},
                    "Labels": {"a": "b"},
                },
                "rootfs": {"type": "layers", "diff_ids": ["sha256:1"]},
            }
        ).encode()
    )
    assert (image.architecture, image.variant, image.labels) == ("arm64", "v8", {"a": "b"})
    assert image.config.exposed_ports == {"80/tcp": {}}
    assert image.config.healthcheck and image.config.healthcheck.interval == 5
    again = read_image(write_image(image.config, "sha256:2", base=image))
    assert again.config == image.config and again.architecture == "arm64"
    assert again.diff_ids == ("sha256:1", "sha256:2")
    for bad in (b"", b"[]", b"{}", b'{"rootfs": 1}', b'{"rootfs": {}, "config": {"Cmd": 1}}'):
        with pytest.raises(InvalidInput):
            read_image(bad)
    assert b"Tty" not in write_image(Config(), "sha256:2")


def test_an_empty_layer_and_a_damaged_one(tmp_path: Path) -> None:
    layer = tmp_path / "layer"
    for data, size in ((b"", 0), (bytes(1024), 0), (tarred({"a": b"xyz", "l": "a", "d": None}), 3)):
        layer.write_bytes(data)
        found = absorb(layer)
        assert (found.size, found.diff_id) == (size, f"sha256:{sha(data)}")
    for data in (
        b"x" * 600,
        tarred({"a": b"x" * 2000})[:1000],
        b"\x1f\x8bjunk",
        b"BZhjunkjunk",
        b"\x28\xb5\x2f\xfd",
    ):
        layer.write_bytes(data)
        with pytest.raises(InvalidInput):
            absorb(layer)


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (
            "reading manifest 1 in x: manifest unknown: manifest unknown",
            NotFound,
            "manifest for x:1 not found: ",
        ),
        (
            "requested access to the resource is denied",
            NotFound,
            "pull access denied for x, repository does not",
        ),
        (
            "unable to retrieve auth token: invalid username/password: unauthorized: no",
            NotFound,
            "pull access",
        ),
        (
            "no image found in manifest list for architecture riscv64",
            NotFound,
            "no matching manifest for linux/riscv64",
        ),
        (
            'pinging registry x: Get "https://x/v2/": dial tcp: lookup x: no such host',
            Failure,
            '^Get "https://x/v2/": dial',
        ),
        ("something else", Failure, "^something else$"),
    ],
)
def test_what_a_registry_says_in_dockers_words(
    tmp_path: Path, said: str, kind: type[Exception], words: str
) -> None:
    registry = Registry(Tools(), (), tmp_path, Platform.parse("linux/riscv64"))
    error = registry._refusal(said, parse("x:1"))
    assert type(error) is kind
    with pytest.raises(kind, match=words):
        raise error


def test_platforms() -> None:
    assert Platform.parse("linux/arm/v7").options == (
        "--override-os=linux",
        "--override-arch=arm",
        "--override-variant=v7",
    )
    assert Platform.parse("").options == ()
    for bad in ("a/b/c/d", "linux/--x y", "/"):
        with pytest.raises(InvalidInput, match="is not a platform"):
            Platform.parse(bad)


def test_the_reason_in_a_tools_words() -> None:
    assert reason('time="x" level=fatal msg="a \\"b\\" c"\n', "t") == 'a "b" c'
    assert reason("x\nlast line\n\n", "t") == "last line"
    assert reason("", "t") == "t failed"
    assert reason('level=fatal msg="write /x: no space left on device"', "t") == "no space left on device"
