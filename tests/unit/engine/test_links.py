"""Legacy links: names, and the variables that tell of the linked container."""

from seaway.engine import links
from seaway.model import Config, Container


def linked(**config: object) -> Container:
    return Container(
        id="1" * 64,
        name="db",
        created="",
        image="",
        image_name="",
        path="x",
        config=Config(**config),  # type: ignore[arg-type]
    )


def test_what_a_link_names() -> None:
    assert [(links.target(x), links.alias(x)) for x in ("db:store", "/db:/web/store", "db")] == [
        ("db", "store"),
        ("db", "store"),
        ("db", "db"),
    ]


def test_name_ports_and_environment_are_told() -> None:
    found = links.environment(
        "web",
        "my-db",
        linked(env=("A=1", "PATH=/bin"), exposed_ports={"53/udp": {}, "9/tcp": {}}),
        "10.0.0.2",
    )
    assert found == [
        "MY_DB_NAME=/web/my-db",
        "MY_DB_PORT=tcp://10.0.0.2:9",
        "MY_DB_PORT_9_TCP=tcp://10.0.0.2:9",
        "MY_DB_PORT_9_TCP_ADDR=10.0.0.2",
        "MY_DB_PORT_9_TCP_PORT=9",
        "MY_DB_PORT_9_TCP_PROTO=tcp",
        "MY_DB_PORT_53_UDP=udp://10.0.0.2:53",
        "MY_DB_PORT_53_UDP_ADDR=10.0.0.2",
        "MY_DB_PORT_53_UDP_PORT=53",
        "MY_DB_PORT_53_UDP_PROTO=udp",
        "MY_DB_ENV_A=1",
    ]


def test_without_ports_there_is_no_address() -> None:
    assert links.environment("web", "db", linked(), "10.0.0.2") == ["DB_NAME=/web/db"]
