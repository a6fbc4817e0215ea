from pathlib import Path

import pytest

from seaway.errors import InvalidInput
from seaway.model.container import Config, Health
from seaway.runtime.image_changes import INSTRUCTIONS, apply


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ('CMD ["a","b"]', Config(cmd=("a", "b"))),
        ("cmd echo $HOME", Config(cmd=("/bin/sh", "-c", "echo $HOME"))),
        ("CMD []", Config(cmd=())),
        ('ENTRYPOINT ["/x"]', Config(entrypoint=("/x",))),
        ('ENV A=1 B="x y" C=', Config(env=("A=1", "B=x y", "C="))),
        ("ENV A one two", Config(env=("A=one two",))),
        (
            "EXPOSE 80 53/UDP 7-8/sctp",
            Config(exposed_ports={p: {} for p in ("80/tcp", "53/udp", "7/sctp", "8/sctp")}),
        ),
        ("USER 7:8", Config(user="7:8")),
        ("WORKDIR /a/../b/./c/", Config(working_dir="/b/c")),
        ("WORKDIR a", Config(working_dir="/a")),
        ("VOLUME /a /b", Config(volumes={"/a": {}, "/b": {}})),
        ('VOLUME ["/a b"]', Config(volumes={"/a b": {}})),
        ('LABEL a="b c" d=e', Config(labels={"a": "b c", "d": "e"})),
        ("ONBUILD RUN x", Config(on_build=("RUN x",))),
        ("STOPSIGNAL SIGKILL", Config(stop_signal="SIGKILL")),
        ('SHELL ["/bin/x"]', Config(shell=("/bin/x",))),
        ("HEALTHCHECK NONE", Config(healthcheck=Health(test=("NONE",)))),
        (
            "HEALTHCHECK --interval=1m30s --retries=3 CMD true",
            Config(healthcheck=Health(test=("CMD-SHELL", "true"), interval=90 * 10**9, retries=3)),
        ),
        ('HEALTHCHECK CMD ["a"]', Config(healthcheck=Health(test=("CMD", "a")))),
        ("# nothing\n\nUSER x \\\n", Config(user="x")),
    ],
)
def test_one_change(change: str, expected: Config) -> None:
    assert apply(Config(), [change]) == expected


def test_changes_build_on_what_is_there() -> None:
    base = Config(env=("P=/opt", "A=0"), cmd=("old",), labels={"x": "1"}, working_dir="/w")
    found = apply(base, ["ENV A=$P/a B='$P' C=\\$P", "WORKDIR sub", "LABEL y=${P}", "EXPOSE 1"])
    assert found.env == ("P=/opt", "A=/opt/a", "B=$P", "C=$P")
    assert (found.working_dir, found.labels) == ("/w/sub", {"x": "1", "y": "/opt"})
    assert base.env == ("P=/opt", "A=0")


def test_an_entrypoint_takes_inherited_arguments_away() -> None:
    base = Config(cmd=("old",))
    assert apply(base, ['ENTRYPOINT ["x"]']).cmd is None
    assert apply(base, ['CMD ["new"]', 'ENTRYPOINT ["x"]']).cmd == ("new",)
    assert apply(base, ['ENTRYPOINT ["x"]', 'CMD ["new"]']).cmd == ("new",)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("RUN x", "RUN is not a valid change command: use one of CMD, ENTRYPOINT"),
        ("FROM x", "FROM is not a valid change command"),
        ("CMD", "CMD requires at least one argument"),
        ("ENV A", "ENV must have two arguments"),
        ("ENV =1", "names can not be blank"),
        ("ENV A=1 B", "can't find = in 'B'"),
        ('ENV A="x', "No closing quotation"),
        ("EXPOSE x", "Invalid containerPort: x"),
        ("EXPOSE 0", "Invalid containerPort: 0"),
        ("EXPOSE 70000", "Invalid containerPort: 70000"),
        ("EXPOSE 9-8", "Invalid containerPort: 9-8"),
        ('VOLUME [""]', "can not be an empty string"),
        ("SHELL /bin/sh", "JSON form"),
        ("ONBUILD FROM x", "isn't allowed as an ONBUILD trigger"),
        ("HEALTHCHECK maybe", "Unknown type 'maybe'"),
        ("HEALTHCHECK --interval=x CMD y", "is not a duration: 'x'"),
        ("HEALTHCHECK --nope=1 CMD y", "does not know '--nope=1'"),
    ],
)
def test_what_is_no_change(change: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        apply(Config(), [change])


def test_every_instruction_is_tested_above() -> None:
    text = Path(__file__).read_text()
    assert all(f"{word} " in text for word in INSTRUCTIONS)
