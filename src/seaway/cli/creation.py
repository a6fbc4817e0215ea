"""The body of a request that creates a container, from the flags of ``run`` and ``create``."""

from typing import Any

from seaway.cli.endpoints import networking
from seaway.cli.failures import Failed
from seaway.cli.mounts import binds, mount, tmpfs
from seaway.cli.pairs import environment, lines, mapping
from seaway.cli.portspec import exposed, published
from seaway.cli.run_options import FLAGS, size, value


def creation(
    image: str, words: tuple[str, ...], flags: dict[str, Any], attach: tuple[str, ...]
) -> dict[str, Any]:
    """The body. ``attach`` are the streams that the command line will join: stdin, stdout, stderr."""
    body: dict[str, Any] = {
        "Image": image,
        "HostConfig": {"RestartPolicy": {"Name": "no"}},
        "NetworkingConfig": {},
    }
    for flag in FLAGS:
        given = flags[flag.name]
        if flag.path and given not in (None, (), "", False):
            _put(body, flag.path, value(flag, given))
    _process(body, words, flags, attach)
    _network(body, flags)
    _files(body["HostConfig"], body, flags)
    if flags["init"] is not None:
        body["HostConfig"]["Init"] = flags["init"]
    if flags["rm"] and body["HostConfig"]["RestartPolicy"]["Name"] != "no":
        raise Failed("conflicting options: cannot specify both --restart and --rm", leave=125)
    return body


def _put(body: dict[str, Any], path: str, content: Any) -> None:
    *steps, last = path.split(".")
    for step in steps:
        body = body.setdefault(step, {})
    body[last] = content


def _process(
    body: dict[str, Any], words: tuple[str, ...], flags: dict[str, Any], attach: tuple[str, ...]
) -> None:
    environ = environment(flags["env_file"], flags["env"])
    label_lines = [line for path in flags["label_file"] for line in lines(path)]
    labels = mapping([*label_lines, *flags["label"]])
    extra: dict[str, Any] = {
        "Cmd": list(words),
        "Env": environ,
        "Labels": labels,
        "AttachStdin": "stdin" in attach,
        "AttachStdout": "stdout" in attach,
        "AttachStderr": "stderr" in attach,
        "StdinOnce": "stdin" in attach and bool(flags["interactive"]),
    }
    body |= {key: content for key, content in extra.items() if content}
    if flags["entrypoint"] is not None:
        body["Entrypoint"] = [flags["entrypoint"]]
    if flags["no_healthcheck"]:
        if "Healthcheck" in body or flags["health_cmd"]:
            raise Failed("--no-healthcheck conflicts with --health-* options", leave=125)
        body["Healthcheck"] = {"Test": ["NONE"]}
    elif flags["health_cmd"]:
        body.setdefault("Healthcheck", {})["Test"] = ["CMD-SHELL", flags["health_cmd"]]


def _network(body: dict[str, Any], flags: dict[str, Any]) -> None:
    ports, bindings = published(flags["publish"])
    ports |= exposed(flags["expose"])
    mode, links, endpoints = networking(flags)
    host = body["HostConfig"]
    host["NetworkMode"] = mode
    if ports:
        body["ExposedPorts"] = ports
    if bindings:
        host["PortBindings"] = bindings
    if links:
        host["Links"] = links
    if endpoints:
        body["NetworkingConfig"] = {"EndpointsConfig": endpoints}


def _files(host: dict[str, Any], body: dict[str, Any], flags: dict[str, Any]) -> None:
    bound, volumes = binds(flags["volume"])
    found: dict[str, Any] = {
        "Binds": bound,
        "Mounts": [mount(text, size) for text in flags["mount"]],
        "Tmpfs": tmpfs(flags["tmpfs"]),
    }
    host |= {key: content for key, content in found.items() if content}
    if volumes:
        body["Volumes"] = volumes
