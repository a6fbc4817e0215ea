"""The daemon itself: ``version``, ``info``, ``events``."""

import json
import platform
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any

import click

from seaway.cli import words
from seaway.cli.client import Client, filters, pass_client
from seaway.cli.failures import Failed
from seaway.cli.flags import command, many, switch, text
from seaway.cli.logs import moment
from seaway.cli.output import inspect_format, inspected
from seaway.cli.pull import messages
from seaway.cli.template import Template


@command("version")
@inspect_format
@switch("--json", "as_json", help="Print as JSON")
@pass_client
def version(client: Client, form: str, as_json: bool) -> None:
    """Show the versions of client and daemon."""
    found: dict[str, Any] = {
        "Client": {
            "Version": metadata.version("seaway"),
            "PythonVersion": platform.python_version(),
            "Os": platform.system().lower(),
            "Arch": platform.machine(),
        },
        "Server": None,
    }
    failure = None
    try:
        found["Server"] = client.get("/version")
        found["Client"]["ApiVersion"] = client.version
    except Failed as error:
        failure = error
    if form or as_json:
        inspected([found], form or "json")
    else:
        click.echo("\n".join(_version_lines(found)))
    if failure is not None:
        raise failure


def _version_lines(found: Mapping[str, Any]) -> Iterator[str]:
    client, server = found["Client"], found["Server"]
    rows = (
        ("Version", client["Version"]),
        ("API version", client.get("ApiVersion", "")),
        ("Python version", client["PythonVersion"]),
        ("OS/Arch", f"{client['Os']}/{client['Arch']}"),
    )
    yield "Client:"
    yield from (f" {name + ':':<18} {value}" for name, value in rows if value)
    if server is None:
        return
    yield "\nServer:"
    lowest = server.get("MinAPIVersion", "")
    rows = (
        ("Version", server["Version"]),
        ("API version", f"{server['ApiVersion']} (minimum version {lowest})"),
        ("OS/Arch", f"{server['Os']}/{server['Arch']}"),
        ("Kernel version", server.get("KernelVersion", "")),
    )
    yield from (f" {name + ':':<18} {value}" for name, value in rows if value)
    for component in server.get("Components") or ():
        if component["Name"] != "Engine":
            yield f" {component['Name'] + ':':<18} {component['Version']}"


INFO: tuple[tuple[str, str], ...] = (
    ("Containers", "Containers"),
    (" Running", "ContainersRunning"),
    (" Paused", "ContainersPaused"),
    (" Stopped", "ContainersStopped"),
    ("Images", "Images"),
    ("Server Version", "ServerVersion"),
    ("Storage Driver", "Driver"),
    ("Logging Driver", "LoggingDriver"),
    ("Cgroup Driver", "CgroupDriver"),
    ("Cgroup Version", "CgroupVersion"),
    ("Default Runtime", "DefaultRuntime"),
    ("Kernel Version", "KernelVersion"),
    ("Operating System", "OperatingSystem"),
    ("OSType", "OSType"),
    ("Architecture", "Architecture"),
    ("CPUs", "NCPU"),
    ("Name", "Name"),
    ("ID", "ID"),
    ("Docker Root Dir", "DockerRootDir"),
    ("Debug Mode", "Debug"),
    ("Experimental", "ExperimentalBuild"),
    ("Live Restore Enabled", "LiveRestoreEnabled"),
)
"""Lines of ``info`` and where they come from."""


@command("info")
@inspect_format
@switch("--json", "as_json", help="Print as JSON")
@pass_client
def info(client: Client, form: str, as_json: bool) -> None:
    """Show what the daemon is and has."""
    found = client.get("/info")
    if form or as_json:
        inspected([found], form or "json")
        return
    for title, key in INFO:
        if key in found:
            value = found[key]
            click.echo(f"{title}: {str(value).lower() if isinstance(value, bool) else value}")
    _more(found)
    for warning in found.get("Warnings") or ():
        click.echo(warning, err=True)


def _more(found: Mapping[str, Any]) -> None:
    plugins, runtimes = found.get("Plugins") or {}, found.get("Runtimes") or {}
    lines = {
        "Total Memory": words.size(found["MemTotal"], 1024, 4) if found.get("MemTotal") else "",
        "Network plugins": " ".join(plugins.get("Network") or ()),
        "Runtimes": " ".join(sorted(runtimes)),
        "Labels": " ".join(found.get("Labels") or ()),
        "Registry Mirrors": " ".join((found.get("RegistryConfig") or {}).get("Mirrors") or ()),
        "Firewall Backend": (found.get("FirewallBackend") or {}).get("Driver", ""),
    }
    for title, value in (lines | cluster_lines(found)).items():
        if value:
            click.echo(f"{title}: {value}")


def cluster_lines(found: Mapping[str, Any]) -> dict[str, str]:
    """What ``info`` says of a cluster; nothing on a host that is in none."""
    cluster = found.get("Cluster") or {}
    if not cluster:
        return {}
    state = cluster["State"]
    if state == "away":
        since = words.unix_of(cluster["Since"])
        state = f"away since {words.local_time(since)[:25]} ({words.ago(since)})"
    return {
        "Cluster Store": found.get("ClusterStore", ""),
        "Cluster Advertise": found.get("ClusterAdvertise", ""),
        "Cluster State": state,
        "Nodes": f"{cluster['Nodes']} ({cluster['NodesDown']} down)",
    }


@command("events")
@many("-f", "--filter", help='Such as "type=network" or "container=web"')
@text("--format", "form", help="json, or a Go template")
@switch("--json", "as_json", help="Print as JSON lines")
@text("--since", help="Show events since a time, given as for logs")
@text("--until", help="Stop at a time, given as for logs")
@pass_client
def events(client: Client, filter: tuple[str, ...], form: str, as_json: bool, since: str, until: str) -> None:
    """Show events as they happen."""
    query = {"filters": filters(filter), "since": moment(since), "until": moment(until)}
    template = Template(form) if form and form != "json" else None
    response = client.request("GET", "/events", query=query, stream=True)
    try:
        for event in messages(response):
            if template is not None:
                click.echo(template.render(event))
            else:
                click.echo(json.dumps(event) if as_json or form else event_line(event))
    except KeyboardInterrupt:
        response.close()
        raise click.exceptions.Exit(130) from None


def event_line(event: Mapping[str, Any]) -> str:
    """One event as docker writes it: time, type, action, ID, attributes."""
    nanoseconds = int(event.get("timeNano") or int(event.get("time", 0)) * 10**9)
    seconds, rest = divmod(nanoseconds, 10**9)
    moment = words.local_time(seconds)[:19].replace(" ", "T")
    zone = words.local_time(seconds)[20:25]
    attributes = ", ".join(f"{key}={value}" for key, value in sorted(event["Actor"]["Attributes"].items()))
    stamp = f"{moment}.{rest:09d}{zone[:3]}:{zone[3:]}"
    who = f"{event['Type']} {event['Action']} {event['Actor']['ID']}"
    return f"{stamp} {who}{f' ({attributes})' if attributes else ''}"
