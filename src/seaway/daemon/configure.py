"""Flags and file become Settings: each value checked once, the whole checked once, then trusted."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from seaway.daemon import cluster, configfile
from seaway.daemon.options import FILE_ONLY, OPTIONS, Option
from seaway.daemon.settings import STOCK_RUNTIMES, Settings
from seaway.errors import InvalidInput, SeawayError
from seaway.model.container import LogConfig
from seaway.runtime import log_policy


def configure(flags: Mapping[Option, Any], config_file: Path | None = None) -> tuple[Settings, list[str]]:
    """Settings and the warnings to log, from the flags that were given and the file.

    ``flags`` maps an option to the command line's text (texts when it may be repeated, True or False for
    switches). Raises InvalidInput with the option's name, its value and what is allowed.
    """
    path = config_file or (configfile.DEFAULT if configfile.DEFAULT.exists() else None)
    given: dict[Option, Any] = {}
    warnings: list[str] = []
    for option, value in flags.items():
        given[option] = _checked(f"--{option.flag}", option, option.kind.flag, value)
    if path is not None:
        try:
            given |= _from_file(path, flags, warnings)
        except SeawayError as error:
            raise InvalidInput(f"unable to configure the Seaway daemon with file {path}: {error}") from error
    return _settings(given, path, warnings), warnings


def _from_file(path: Path, flags: Mapping[Option, Any], warnings: list[str]) -> dict[Option, Any]:
    directives = configfile.read(path)
    configfile.check(directives, flags)
    warnings += [
        f"{key} in {path} changes nothing: {why}" for key, why in FILE_ONLY.items() if key in directives
    ]
    return {
        option: _checked(f'"{option.name}"', option, option.kind.file, directives[option.name])
        for option in OPTIONS
        if option.name in directives
    }


def _checked(shown: str, option: Option, parse: Any, value: Any) -> Any:
    try:
        return option.check(parse(value))
    except SeawayError as error:
        raise InvalidInput(f"{shown}: {error}") from error


def _settings(given: Mapping[Option, Any], path: Path | None, warnings: list[str]) -> Settings:
    fields: dict[str, Any] = {"config_file": path}
    for option, value in given.items():
        if option.field:
            fields[option.field] = value
        elif option.refused and value:
            raise InvalidInput(f"--{option.flag} is not supported: {option.why}")
        else:
            warnings.append(f"--{option.flag} changes nothing: {option.why}")
    if fields.pop("debug", False):
        fields["log_level"] = "debug"
    fields["cluster"] = cluster.cluster({n: fields.pop(n) for n in cluster.FIELDS if n in fields})
    _complete(fields)
    return _consistent(Settings(**fields))


def _complete(fields: dict[str, Any]) -> None:
    """Defaults that hang on other values: the socket and the pidfile live under the exec-root."""
    root = fields.get("exec_root", Settings().exec_root)
    fields.setdefault("pidfile", root / "seaway.pid")
    if not fields.get("hosts"):
        fields["hosts"] = (f"unix://{root}/seaway.sock",)
    stock = {name: name for name in STOCK_RUNTIMES}
    taken = sorted(set(stock) & set(fields.get("runtimes", ())))
    if taken:
        raise InvalidInput(f'runtime name "{taken[0]}" is reserved')
    fields["runtimes"] = MappingProxyType(stock | dict(fields.get("runtimes", {})))
    for name in ("log_opts", "default_network_opts"):
        if name in fields:
            fields[name] = MappingProxyType(fields[name])


def _consistent(settings: Settings) -> Settings:
    """Rules between values; gives the settings back with TLS implied where it is."""
    if settings.default_runtime not in settings.runtimes:
        known = ", ".join(sorted(settings.runtimes))
        raise InvalidInput(
            f'specified default runtime "{settings.default_runtime}" does not exist; known: {known}'
        )
    if settings.bip and settings.bridge:
        raise InvalidInput(
            "you specified -b & --bip, mutually exclusive options; please specify only one"
            if settings.bridge != "none"
            else "--bip is of no use with --bridge none; please specify only one"
        )
    if settings.userland_proxy is False and not settings.ip_forward:
        raise InvalidInput(
            "--ip-forward=false needs --userland-proxy, or published ports would reach nothing"
        )
    _check_log(settings)
    return _with_tls(settings)


def _check_log(settings: Settings) -> None:
    config = LogConfig(type=settings.log_driver, config=dict(settings.log_opts))
    try:
        log_policy.check_options(config)
        log_policy.policy(config)
    except InvalidInput as error:
        raise InvalidInput(f"failed to set log opts: {error}") from error


def _with_tls(settings: Settings) -> Settings:
    open_to_all = [host for host in settings.hosts if host.startswith("tcp://")]
    files = {"--tlscacert": settings.tlscacert, "--tlscert": settings.tlscert, "--tlskey": settings.tlskey}
    if open_to_all and not (settings.tlsverify and all(files.values())):
        raise InvalidInput(
            f"{open_to_all[0]}: refused without mutual TLS; give --tlsverify --tlscacert --tlscert --tlskey"
        )
    for name, path in files.items():
        if path and not Path(path).is_file():
            raise InvalidInput(f'{name}: invalid value "{path}": must be a file that exists')
    return replace(settings, tls=settings.tls or settings.tlsverify)
