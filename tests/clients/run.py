"""Run docker-py's and aiodocker's tests, as their authors wrote them, and docker compose against Seaway.

    .venv/bin/python tests/clients/run.py [--docker-py FOLDER] [--all] [--keyword EXPRESSION]

aiodocker's tests come with its source package. docker-py's do not: FOLDER is an unpacked docker-py 7.2.0
(with ``tests/`` in it). Each suite has an environment of its own below build/clients, with the versions it
was written for. Three of docker-py's tests need a swarm, which Seaway does not have.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from demo.host import Host, Street

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/clients"
SWARM = ("create_network_attachable", "create_network_ingress", "create_inspect_network_with_scope")
REGISTRY_PORT = 5555
_TAGS = ("alpine:3.10", "alpine:latest", "busybox:latest", "hello-world:latest")
_NETWORK = ("api_network_test.py", "models_networks_test.py")
_ALL = (
    *("api_image_test.py", "models_images_test.py", *_NETWORK, "api_client_test.py", "api_container_test.py"),
    *(
        "api_exec_test.py",
        "api_healthcheck_test.py",
        "api_volume_test.py",
        "client_test.py",
        "errors_test.py",
    ),
    *(
        "models_containers_test.py",
        "models_resources_test.py",
        "models_volumes_test.py",
        "regression_test.py",
    ),
)
_AIO_ALL = ("networks", "containers", "events", "execs", "integration", "system", "volumes", "utils")
_DOCKER_PINS = ("docker==7.2.0", "pytest==9.2.0", "pytest-timeout==2.4.0", "paramiko", "websocket-client")
_AIO_PINS = (
    *("aiodocker==0.26.0", "aiohttp==3.13.3", "pytest==9.0.2", "pytest-asyncio==1.3.0", "pytest-timeout"),
    *("testcontainers==4.14.0", "packaging==26.0", "async-timeout==5.0.1"),
)


def environment(name: str, pins: Sequence[str]) -> Path:
    """A virtual environment with these packages; its interpreter."""
    python = BUILD / name / "bin/python"
    stamp = BUILD / name / ".done"
    if not stamp.exists() or stamp.read_text() != " ".join(pins):
        subprocess.run([sys.executable, "-m", "venv", str(BUILD / name)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *pins], check=True)
        stamp.write_text(" ".join(pins))
    return python


def source(package: str, version: str) -> Path:
    """A package's source, from its registry."""
    target = BUILD / f"{package}-{version}"
    if not target.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        flags = ("-q", "--no-deps", "--no-binary", package, "-d", str(BUILD))
        subprocess.run([sys.executable, "-m", "pip", "download", *flags, f"{package}=={version}"], check=True)
        subprocess.run(["tar", "xzf", f"{target}.tar.gz", "-C", str(BUILD)], check=True)
    return target


def run(host: Host, python: Path, folder: Path, argv: Sequence[str]) -> int:
    """pytest in a suite's folder with the host's socket as DOCKER_HOST."""
    print(f"== {folder.name}: pytest {' '.join(argv)}", flush=True)
    env = {**host.env, "PATH": os.environ["PATH"], "DOCKER_HOST": host.url}
    return subprocess.run(
        [str(python), "-m", "pytest", "-q", "-rfEsx", *argv], cwd=folder, env=env
    ).returncode


def registry(host: Host, archive: Path, tags: Sequence[str]) -> str:
    """A registry on the host that holds these images of an archive, as a mirror of the hub; its URL."""
    place = f"127.0.0.1:{REGISTRY_PORT}"
    config = host.root / "registry.yml"
    storage = f"storage: {{filesystem: {{rootdirectory: {host.root}/registry}}}}"
    config.write_text(f"version: 0.1\n{storage}\nhttp: {{addr: '{place}'}}\n")
    host.popen("docker-registry", "serve", str(config), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    host.sh(f"for n in $(seq 100); do curl -sf http://{place}/v2/ && exit; sleep 0.1; done; exit 1")
    copy = ("skopeo", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false")
    for tag in tags:
        host.run(*copy, f"docker-archive:{archive}:{tag}", f"docker://{place}/library/{tag}")
    return f"http://{place}"


def docker_py(street: Street, folder: Path, whole: bool, keyword: str) -> int:
    """docker-py's own tests: the 30 of its 33 network tests that need no swarm, or all of 15 files."""
    python = environment("docker-py-env", _DOCKER_PINS)
    host = street.host("docker-py", 21)
    archive = ROOT / "build/busybox.tar"
    host.start("--registry-mirror", registry(host, archive, _TAGS))
    host.docker("load", "-i", str(archive))
    files = [f"tests/integration/{name}" for name in (_ALL if whole else _NETWORK)]
    names = " or ".join(SWARM)
    choose = ["-k", keyword or f"not ({names})"]
    flags = ["-p", "no:cacheprovider", "--timeout", "120" if whole else "60", *choose]
    code = run(host, python, folder, [*flags, *files])
    host.close()
    return code


def aiodocker(street: Street, whole: bool, keyword: str) -> int:
    """aiodocker's own tests: its 6 network tests, or all of 8 files."""
    python = environment("aiodocker-env", _AIO_PINS)
    folder = source("aiodocker", "0.26.0")
    host = street.host("aiodocker", 22)
    tar = BUILD / "python.tar"
    names = ("python:latest", "python:3.13-alpine", "python:3.14-alpine")
    builder = str(ROOT / "images/training-webapp/build.py")
    tags = [word for name in names for word in ("--tag", name)]
    argv = (builder, "--output", str(tar), "--workdir", "/", *tags)
    subprocess.run([sys.executable, *argv], check=True)
    host.start("--registry-mirror", registry(host, tar, names))
    host.docker("load", "-i", str(tar), timeout=120)
    files = [f"tests/test_{name}.py" for name in (_AIO_ALL if whole else ("networks",))]
    code = run(host, python, folder, ["-o", "addopts=", "-p", "no:cacheprovider", "-k", keyword, *files])
    host.close()
    return code


def compose() -> int:
    """The story of a docker compose project (tests/faces/test_compose.py)."""
    print("== docker compose", flush=True)
    argv = ("-q", "-rs", "-p", "no:cacheprovider", "tests/faces/test_compose.py")
    return subprocess.run([sys.executable, "-m", "pytest", *argv], cwd=ROOT).returncode


def main() -> int:
    """Read the flags and run the suites."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--docker-py", type=Path, metavar="FOLDER", help="an unpacked docker-py 7.2.0")
    parser.add_argument("--only", choices=["docker-py", "aiodocker", "compose"])
    parser.add_argument("--all", action="store_true", help="not only the network tests")
    parser.add_argument("-k", "--keyword", default="")
    flags = parser.parse_args()
    codes = []
    with Street() as street:
        if flags.docker_py and flags.only in (None, "docker-py"):
            codes.append(docker_py(street, flags.docker_py.resolve(), flags.all, flags.keyword))
        if flags.only in (None, "aiodocker"):
            codes.append(aiodocker(street, flags.all, flags.keyword))
    if flags.only in (None, "compose"):
        codes.append(compose())
    if not flags.docker_py:
        print("docker-py's tests are not in its package: give their folder, make clients TESTS=…")
    return max(codes, default=2)


if __name__ == "__main__":
    sys.exit(main())
