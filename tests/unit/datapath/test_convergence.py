"""From any state to any state, with failing calls and meddling hands, and then nothing more to do."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from seaway.datapath.fake import FakeKernel
from seaway.datapath.ledger import Ledger
from seaway.datapath.resources import Sysctl
from tests.unit.datapath.worlds import (
    Wants,
    box,
    endpoint,
    leaving,
    namespaces,
    remote,
    resources,
    segment,
    world,
)

TRIES = 60

texts = st.sampled_from(["set a { }", "set b { }"])
worlds = st.builds(
    world,
    st.sets(st.integers(1, 4)),
    number=st.integers(1, 3),
    mtu=st.sampled_from([1400, 1500]),
    text=texts,
)


@st.composite
def mixed(draw: st.DrawFn) -> Wants:
    """A world in which boxes also differ in their device's name and how their port is served, and in which
    there may be an overlay network with containers on other hosts, which move."""
    wants = dict(draw(worlds))
    number = next(owner for owner in wants if owner.startswith("net:")).removeprefix("net:")
    for owner in [o for o in wants if o.startswith("box:")]:
        each = int(owner.removeprefix("box:"))
        if draw(st.booleans()):
            wants[owner] = box(each, via=f"10.{number}.0.1", relayed=True)
        if draw(st.booleans()):
            wants[f"ep:{each}"] = endpoint(each, int(number), peer="eth0", mtu=1450)
    if draw(st.booleans()):
        bridge = draw(st.sampled_from(["ov", "ov2"]))
        wants |= segment(
            vni=draw(st.integers(256, 257)), mtu=draw(st.sampled_from([1400, 1450])), bridge=bridge
        )
        for each in draw(st.sets(st.integers(2, 5))):
            host, at = draw(st.integers(2, 3)), draw(st.integers(0, 1))
            wants |= remote(each, host=host, at=at, bridge=bridge)
    return wants


def lasting(kernel: FakeKernel) -> dict[tuple[str | int, ...], object]:
    """What must be gone when nobody wants it; parameters on devices that stand keep their value."""
    return {k: r for k, r in kernel.state.items() if not isinstance(r, Sysctl)}


def wanted(wants: Wants) -> dict[tuple[str | int, ...], object]:
    return {k: r for k, r in resources(wants).items() if not isinstance(r, Sysctl)}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(mixed(), min_size=2, max_size=4), st.integers(0, 1000))
def test_settling_converges_whatever_fails(steps: list[Wants], seed: int) -> None:
    kernel = FakeKernel(probability=0.3, seed=seed)
    ledger = Ledger(kernel.hands())
    scope: Wants = {}
    for step in steps:
        scope = leaving(scope, step)
        ledger.settle(scope)
    new = steps[-1]
    for _ in range(TRIES):
        report = ledger.settle(scope)
        if not report.refusals:
            break
    assert not report.refusals
    assert lasting(kernel) == wanted(new)
    assert resources(new).items() <= kernel.state.items()
    kernel.probability = 0
    assert ledger.settle(scope).operations == ()
    assert ledger.verify(new, namespaces(*steps)).operations == ()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(mixed(), mixed(), st.integers(0, 1000), st.booleans())
def test_verifying_converges_whatever_fails_and_whoever_meddles(
    old: Wants, new: Wants, seed: int, reborn: bool
) -> None:
    dice = random.Random(seed)
    kernel = FakeKernel(probability=0.3, seed=seed)
    ledger = Ledger(kernel.hands())
    ledger.settle(old)
    for key in dice.sample(sorted(kernel.state, key=repr), k=len(kernel.state) // 3):
        if key in kernel.state:
            kernel.vanish(key)
    if reborn:
        ledger = Ledger(kernel.hands())
    everywhere = namespaces(old, new)
    for _ in range(TRIES):
        report = ledger.verify(new, everywhere)
        if not report.refusals and not report.operations:
            break
    assert not report.refusals and not report.operations
    assert lasting(kernel) == wanted(new)
    assert resources(new).items() <= kernel.state.items()
    kernel.probability = 0
    assert ledger.verify(new, everywhere).operations == ()
