"""Images from files and from a registry of the test's own."""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.host import Host
from tests.faces.box import get, running, until, words
from tests.faces.image import NAME


@pytest.fixture
def spare(host: Host) -> Iterator[Host]:
    """The host; images that the test adds are removed again."""
    before = {t for i in host.http("GET", "/images/json")[1] for t in i["RepoTags"]}
    yield host
    for container in host.http("GET", "/containers/json?all=1")[1]:
        host.http("DELETE", f"/containers/{container['Id']}?force=1")
    for image in host.http("GET", "/images/json?all=1")[1]:
        for tag in set(image["RepoTags"]) - before:
            host.http("DELETE", f"/images/{tag}")
    assert {t for i in host.http("GET", "/images/json")[1] for t in i["RepoTags"]} == before


def test_import_tag_list_remove(spare: Host, box_tar: Path) -> None:
    done = spare.docker(
        "import", "-c", 'CMD ["echo","imported"]', "-c", "ENV A=1", str(box_tar), "own/thing:2"
    )
    assert done.out.startswith("sha256:")
    assert words(spare, "run --rm own/thing:2").out == "imported\n"
    assert words(spare, "run --rm own/thing:2 sh -c 'echo $A'").out == "1\n"
    words(spare, "tag own/thing:2 other:3")
    tags = words(spare, "images --format '{{.Repository}}:{{.Tag}}'").out.split()
    assert {"own/thing:2", "other:3", NAME} <= set(tags)
    assert "Untagged: other:3" in words(spare, "rmi other:3").out
    gone = words(spare, "rmi own/thing:2").out
    assert "Untagged: own/thing:2" in gone
    assert "Deleted: sha256:" in gone
    assert "No such image" in words(spare, "rmi own/thing:2", check=False).err


def test_an_image_in_use_is_kept(spare: Host, box_tar: Path) -> None:
    spare.docker("import", "-c", 'CMD ["sleep","600"]', str(box_tar), "used:1")
    words(spare, "run -d --name cc used:1")
    refused = words(spare, "rmi used:1", check=False)
    assert refused.code == 1
    assert "conflict" in refused.err
    words(spare, "rm -f cc")
    words(spare, "rmi used:1")


def test_save_and_load_keep_the_id(spare: Host) -> None:
    target = spare.root / "saved.tar"
    words(spare, f"tag {NAME} twin:1")
    words(spare, f"save -o {target} twin:1")
    with tarfile.open(target) as tar:
        manifest = json.load(tar.extractfile("manifest.json") or pytest.fail("no manifest.json"))
    assert manifest[0]["RepoTags"] == ["twin:1"]
    identity = words(spare, "image inspect -f {{.Id}} twin:1").out
    words(spare, "rmi twin:1")
    assert "Loaded image: twin:1" in words(spare, f"load -i {target}").out
    assert words(spare, "image inspect -f {{.Id}} twin:1").out == identity


def test_an_oci_archive_is_loaded(spare: Host) -> None:
    words(spare, f"save -o {spare.root}/a.tar {NAME}")
    policy = spare.root / "policy.json"
    policy.write_text('{"default":[{"type":"insecureAcceptAnything"}]}')
    for path in ("b.tar",):
        spare.run(
            *("skopeo", "--policy", str(policy), "copy", f"docker-archive:{spare.root}/a.tar"),
            f"oci-archive:{spare.root}/{path}:from-oci:1",
        )
    out = words(spare, f"load -i {spare.root}/b.tar").out
    assert "Loaded image" in out
    name = out.split("Loaded image")[1].split(": ", 1)[1].split()[0]
    assert words(spare, f"run --rm {name} echo ok").out == "ok\n"
    for image in spare.http("GET", "/images/json?all=1")[1]:
        if NAME not in image["RepoTags"]:
            spare.http("DELETE", f"/images/{image['Id']}?force=1")


@pytest.fixture
def registry(spare: Host) -> Iterator[str]:
    """A registry on the host, with the small image in it as ``lib/box:9``."""
    folder = spare.root / "registry"
    config = spare.root / "registry.yml"
    config.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder}}}}}\n"
        "http: {addr: '127.0.0.1:5000'}\n"
    )
    with running(spare, "sh", "-c", f"exec docker-registry serve {config} > {config}.log 2>&1"):
        until(lambda: "{}" in get(spare, "http://127.0.0.1:5000/v2/"))
        _push(spare)
        yield "127.0.0.1:5000"


def _push(spare: Host) -> None:
    words(spare, f"save -o {spare.root}/r.tar {NAME}")
    policy = spare.root / "policy.json"
    policy.write_text('{"default":[{"type":"insecureAcceptAnything"}]}')
    spare.run(
        *("skopeo", "--policy", str(policy), "copy", "--dest-tls-verify=false"),
        *(f"docker-archive:{spare.root}/r.tar", "docker://127.0.0.1:5000/lib/box:9"),
    )


def test_pull(spare: Host, registry: str) -> None:
    out = words(spare, f"pull {registry}/lib/box:9").out
    assert "Pull complete" in out or "Already exists" in out
    assert "Digest: sha256:" in out
    assert f"Status: Downloaded newer image for {registry}/lib/box:9" in out
    assert words(spare, f"run --rm {registry}/lib/box:9 echo pulled").out == "pulled\n"
    missing = words(spare, f"pull {registry}/lib/box:nope", check=False)
    assert missing.code == 1
    assert "not found" in missing.err
    assert "manifest unknown" in missing.err


def test_run_pulls_what_is_missing(spare: Host, registry: str) -> None:
    done = words(spare, f"run --rm {registry}/lib/box:9 echo by itself")
    assert done.out == "by itself\n"
    assert "Unable to find image" in done.err
