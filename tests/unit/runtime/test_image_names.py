import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.errors import InvalidInput
from seaway.runtime.image_names import absent, identity_digits, is_identity, named, parse

D = "sha256:" + "a1" * 32


@pytest.mark.parametrize(
    ("text", "full", "shown", "key"),
    [
        ("alpine", "docker.io/library/alpine", "alpine", "alpine:latest"),
        ("docker.io/library/alpine:3.10", "docker.io/library/alpine", "alpine:3.10", "alpine:3.10"),
        ("index." + "docker.io/alpine", "docker.io/library/alpine", "alpine", "alpine:latest"),
        ("training/webapp", "docker.io/training/webapp", "training/webapp", "training/webapp:latest"),
        ("docker.io/library/a/b", "docker.io/library/a/b", "library/a/b", "library/a/b:latest"),
        ("host:5000/x:1", "host:5000/x", "host:5000/x:1", "host:5000/x:1"),
        ("localhost/x", "localhost/x", "localhost/x", "localhost/x:latest"),
        ("Upper/x", "Upper/x", "Upper/x", "Upper/x:latest"),
        ("[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x:latest"),
        (f"alpine@{D}", "docker.io/library/alpine", f"alpine@{D}", f"alpine@{D}"),
        (f"alpine:3@{D}", "docker.io/library/alpine", f"alpine:3@{D}", f"alpine@{D}"),
        ("a__b/c-d.e_f", "docker.io/a__b/c-d.e_f", "a__b/c-d.e_f", "a__b/c-d.e_f:latest"),
    ],
)
def test_names(text: str, full: str, shown: str, key: str) -> None:
    found = parse(text)
    assert (found.full_name, str(found), found.key) == (full, shown, key)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "invalid reference format"),
        ("a b", "invalid reference format"),
        ("-a", "invalid reference format"),
        ("a//b", "invalid reference format"),
        ("a:", "invalid reference format"),
        ("a:b:c", "invalid reference format"),
        ("a:-x", "invalid reference format"),
        ("a@md5:12", "no valid sha256 digest"),
        ("Foo", r"repository name \(library/Foo\) must be lowercase"),
        ("a" * 300, "more than 255 characters"),
        ("ab" * 32, "cannot specify 64-byte hexadecimal strings"),
    ],
)
def test_what_is_no_name(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        parse(text)


@given(
    st.from_regex(
        r"([a-z]{1,5}(\.[a-z]{1,3}|:[0-9]{1,4})/)?[a-z0-9]{1,8}(/[a-z0-9]{1,5}){0,2}(:[a-z0-9]{1,5})?",
        fullmatch=True,
    )
)
def test_the_short_form_means_the_same(text: str) -> None:
    found = parse(text)
    assert parse(str(found)) == found
    assert parse(f"{found.full_name}:x").name == found.name


def test_a_new_name() -> None:
    assert named("", "1") is None
    assert str(named("imp:1", "")) == "imp:1"
    assert str(named("imp:1", "2")) == "imp:2"
    assert str(named("docker.io/library/img", "latest")) == "img:latest"
    assert str(named("img", "")) == "img:latest"
    for repo, tag in ((f"a@{D}", ""), ("a", D), ("a", "b c"), ("a b", "")):
        with pytest.raises(InvalidInput):
            named(repo, tag)


def test_what_is_absent_is_told_as_docker_does() -> None:
    assert absent("x") == "No such image: x:latest"
    assert absent("docker.io/library/x:1") == "No such image: x:1"
    assert absent("deadbeef") == "No such image: deadbeef:latest"
    assert absent("sha256:dead") == "No such image: sha256:dead"
    assert absent(D) == absent(D[7:]) == f"No such image: {D}"
    assert absent(f"x@{D}") == f"No such image: x@{D}"


def test_identities() -> None:
    assert identity_digits("sha256:ab") == "ab"
    assert identity_digits("xyz") == identity_digits("AB") == ""
    assert is_identity(D) and is_identity(D[7:]) and not is_identity(D[:-1])
