"""Request bodies made regular before they are typed: nulls, strings for lists, and old API versions."""

from typing import Any

import msgspec

from seaway.api.wire import Version, convert
from seaway.engine.specs import ContainerSpec
from seaway.errors import InvalidInput
from seaway.model import Attachment, Config, HostConfig

EMPTY: dict[str, Any] = {
    "Annotations": "",
    "AuxiliaryAddresses": "",
    "DriverOpts": "",
    "EndpointsConfig": {},
    "ExposedPorts": {},
    "Labels": "",
    "Options": "",
    "PortBindings": None,
    "StorageOpt": "",
    "Sysctls": "",
    "Tmpfs": "",
    "Volumes": {},
}
"""Maps with free keys: what a null value in each means. Everywhere else a null is as good as absent."""

STRINGS = ("Cmd", "Entrypoint", "Shell", "CapAdd", "CapDrop")
"""Fields that may be one string where a list is meant."""

NO_CONFIG = "config cannot be empty in order to create a container"
MAC_MODE = "conflicting options: mac-address and the network mode"
MAC_TWICE = (
    "the container-wide MAC address must match the endpoint-specific MAC address for the main network, "
    "or be left empty"
)
MAC_OLD = (
    "The container-wide MacAddress field is now deprecated. "
    "It should be specified in EndpointsConfig instead."
)


def without_nulls(raw: Any, inside: str = "") -> Any:
    """The same value with nulls taken away, as a Go server would read it."""
    if isinstance(raw, dict):
        if inside in EMPTY:
            return {k: EMPTY[inside] if v is None else without_nulls(v) for k, v in raw.items()}
        return {k: without_nulls(v, k) for k, v in raw.items() if v is not None}
    if isinstance(raw, list):
        return [without_nulls(v) for v in raw if v is not None]
    return raw


def asked(raw: Any) -> bool:
    """Whether a value asks for anything. Go's clients send every field, with nothing in those not meant:
    ``docker update --memory 1g`` sends a restart policy without a name."""
    return any(map(asked, raw.values())) if isinstance(raw, dict) else bool(raw)


def _lists(raw: dict[str, Any]) -> None:
    for key in STRINGS:
        if isinstance(raw.get(key), str):
            raw[key] = [raw[key]]


def attachment(raw: dict[str, Any]) -> Attachment:
    """EndpointSettings as a wish; what only answers carry (IPAddress, Gateway, …) is passed over."""
    return convert(raw, Attachment, "EndpointConfig")


def container(raw: Any, name: str, platform: str, version: Version) -> tuple[ContainerSpec, list[str]]:
    """The body of ``POST /containers/create`` as what the engine takes, and warnings for the answer."""
    if not isinstance(raw, dict):
        raise InvalidInput(NO_CONFIG)
    raw = without_nulls(raw)
    host_raw = raw.pop("HostConfig", {})
    networking = raw.pop("NetworkingConfig", {})
    _lists(raw)
    config = convert(raw, Config)
    host = host_config(host_raw)
    wishes = convert(networking, dict[str, Any], "NetworkingConfig").get("EndpointsConfig", {})
    networks = convert(wishes, dict[str, Attachment], "NetworkingConfig.EndpointsConfig")
    config, networks, warnings = _mac(config, host, networks, version)
    spec = ContainerSpec(name=name, config=config, host=host, networks=networks, platform=platform or "linux")
    return spec, warnings


def host_config(raw: Any, at: str = "HostConfig") -> HostConfig:
    """HostConfig, typed; Docker's ways of saying "not set" become None."""
    if isinstance(raw, dict):
        _lists(raw)
    host = convert(raw, HostConfig, at)
    changes: dict[str, Any] = {}
    if host.memory_swappiness == -1:
        changes["memory_swappiness"] = None
    if host.pids_limit is not None and host.pids_limit <= 0:
        changes["pids_limit"] = None
    return msgspec.structs.replace(host, **changes)


def _mac(
    config: Config, host: HostConfig, networks: dict[str, Attachment], version: Version
) -> tuple[Config, dict[str, Attachment], list[str]]:
    """The container-wide MacAddress of old clients, moved to the network it means."""
    mac, old = config.mac_address, version < (1, 44)
    mode = host.network_mode or "default"
    if not mac:
        if old:
            networks = {n: msgspec.structs.replace(a, mac_address="") for n, a in networks.items()}
        return config, networks, []
    addressed = mode not in ("host", "none") and not mode.startswith("container:")
    if old and not addressed:
        raise InvalidInput(MAC_MODE)
    if addressed:
        wish = networks.get(mode, Attachment())
        if not old and wish.mac_address not in ("", mac):
            raise InvalidInput(MAC_TWICE)
        networks = {**networks, mode: msgspec.structs.replace(wish, mac_address=mac)}
    return msgspec.structs.replace(config, mac_address=""), networks, [] if old else [MAC_OLD]
