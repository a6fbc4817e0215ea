"""Merging a container's configuration with its image's, and the combinations Docker refuses."""

import pytest

from seaway.engine import merge, modes
from seaway.engine.signals import exit_code_of, signal_number
from seaway.engine.specs import ContainerSpec
from seaway.errors import InvalidInput
from seaway.model import Attachment, Config, HostConfig
from seaway.model.container import HostBinding, IpamRequest, LogConfig, RestartPolicy, Ulimit
from seaway.model.image import Image

CID = "0123456789abcdef" * 4
IMAGE = Image(
    id="sha256:" + "1" * 64,
    config=Config(entrypoint=("/entry",), cmd=("serve",), env=("A=1", "B=2"), working_dir="/w", user="app"),
)
BRIDGE = modes.parse("")


def merged(config: Config, mode: modes.Mode = BRIDGE) -> Config:
    return merge.merge_config(config, IMAGE, CID, mode)


def test_image_fills_what_the_user_left_open() -> None:
    config = merged(Config(env=("B=3",)))
    assert merge.command(config) == ("/entry", ("serve",))
    assert set(config.env or ()) >= {"A=1", "B=3"}
    assert "B=2" not in (config.env or ())
    assert (config.working_dir, config.user, config.hostname) == ("/w", "app", CID[:12])


def test_command_and_entrypoint_replace_the_images() -> None:
    assert merge.command(merged(Config(cmd=("other",)))) == ("/entry", ("other",))
    assert merge.command(merged(Config(entrypoint=("/mine",)))) == ("/mine", ())
    assert merge.command(merged(Config(entrypoint=("/mine",), cmd=("x",)))) == ("/mine", ("x",))
    with pytest.raises(InvalidInput, match="no command specified"):
        merge.command(merge.merge_config(Config(), Image(id="x"), CID, BRIDGE))


def test_no_hostname_of_its_own_in_host_mode() -> None:
    assert merged(Config(), modes.parse("host")).hostname == ""


@pytest.mark.parametrize(
    ("policy", "auto_remove", "words"),
    [
        (RestartPolicy(name="sometimes"), False, "unknown policy 'sometimes'"),
        (RestartPolicy(name="always", maximum_retry_count=2), False, "maximum retry count"),
        (RestartPolicy(name="always"), True, "can't create 'AutoRemove' container"),
    ],
)
def test_restart_policies_refused(policy: RestartPolicy, auto_remove: bool, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        merge.normalise_host(
            HostConfig(restart_policy=policy, auto_remove=auto_remove), BRIDGE, merge.Defaults()
        )


@pytest.mark.parametrize(
    ("config", "host", "words"),
    [
        (Config(), HostConfig(port_bindings={"80/tcp": (HostBinding(host_port="80"),)}), "port publishing"),
        (Config(exposed_ports={"80/tcp": {}}), HostConfig(), "port exposing"),
        (Config(hostname="x"), HostConfig(), "hostname and the network mode"),
        (Config(), HostConfig(dns=("1.1.1.1",)), "dns and the network mode"),
        (Config(), HostConfig(extra_hosts=("a:1.2.3.4",)), "custom host-to-IP mapping"),
        (Config(mac_address="02:42:ac:11:00:09"), HostConfig(), "mac-address and the network mode"),
    ],
)
def test_container_mode_refuses(config: Config, host: HostConfig, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        modes.check(modes.parse("container:x"), config, host, {})


def test_addresses_only_on_user_defined_networks() -> None:
    wanted = Attachment(ipam_config=IpamRequest(ipv4="1.2.3.4"))
    with pytest.raises(InvalidInput) as error:
        modes.check_attachment("host", wanted)
    assert error.value.message == (
        "invalid config for network host: invalid endpoint settings:\n"
        "* user specified IP address is supported on user defined networks only\n"
        "* user specified IP address is supported only when connecting to networks with user "
        "configured subnets"
    )
    modes.check_attachment("front", wanted)


def test_the_mode_names_a_network() -> None:
    spec = ContainerSpec(networks={"default": Attachment(gw_priority=1), "front": Attachment()})
    found = merge.attachments(spec, BRIDGE)
    assert list(found) == ["bridge", "front"]
    assert found["bridge"].gw_priority == 1
    assert merge.attachments(spec, modes.parse("container:x")) == {}


def test_signals() -> None:
    assert [signal_number(s) for s in ("9", "KILL", "SIGKILL", "sigterm")] == [9, 9, 9, 15]
    for bad in ("0", "SIGNOPE", "", "-1"):
        with pytest.raises(InvalidInput):
            signal_number(bad)


def test_exit_codes_of_failed_starts() -> None:
    assert exit_code_of('exec: "x": executable file not found in $PATH') == 127
    assert exit_code_of("permission denied: unknown") == 126
    assert exit_code_of("anything else") == 128


def test_an_unknown_log_driver_is_refused_in_dockers_words() -> None:
    """Clients compare the whole sentence."""
    with pytest.raises(InvalidInput, match=r"^logger: no log driver named 'asdf' is registered$"):
        merge.normalise_host(HostConfig(log_config=LogConfig(type="asdf")), BRIDGE, merge.Defaults())


def test_the_daemons_defaults_hold_where_nothing_was_asked_for() -> None:
    told = merge.Defaults(
        runtime="crun",
        shm_size=1 << 20,
        init=True,
        log_opts={"max-size": "1m", "max-file": "3"},
        ulimits=(Ulimit(name="nofile", soft=10, hard=20), Ulimit(name="core", soft=0, hard=0)),
    )
    plain = merge.normalise_host(HostConfig(), BRIDGE, told)
    assert (plain.runtime, plain.shm_size, plain.init) == ("crun", 1 << 20, True)
    assert plain.log_config == LogConfig(type="json-file", config={"max-size": "1m", "max-file": "3"})
    assert plain.ulimits == told.ulimits
    own = HostConfig(
        runtime="runc",
        init=False,
        log_config=LogConfig(type="none"),
        ulimits=(Ulimit(name="nofile", soft=1, hard=2),),
    )
    asked = merge.normalise_host(own, BRIDGE, told)
    assert (asked.runtime, asked.init, asked.log_config.config) == ("runc", False, {})
    assert [(u.name, u.soft) for u in asked.ulimits or ()] == [("nofile", 1), ("core", 0)]
