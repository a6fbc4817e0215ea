"""Names for containers that were given none: a wind and a thing of the sea."""

import secrets
from collections.abc import Container

_WINDS = (
    "brisk calm clear cool crisp deep eager early even fair fast fine firm fresh gentle gusty "
    "high keen late lively long low mild misty moist open plain proud quick quiet rough salty "
    "sharp silent slow smooth soft steady still strong sunny swift tidal true warm wide windy "
)
WINDS = _WINDS.split()
_THINGS = (
    "anchor atoll barge bay beacon bight boat bow breaker brig buoy cable cape capstan channel "
    "cliff cove current cutter deck dinghy dock dory ferry fjord frigate galley gull harbor "
    "haven heron hull islet jetty keel ketch lagoon ledge lighthouse mast mooring otter pelican "
    "pier port prow quay reef rudder sail schooner shoal skiff sloop sound spar strait surf "
    "tide tiller tug wake wharf yawl "
)
THINGS = _THINGS.split()


def random_name(taken: Container[str]) -> str:
    """A name like ``steady_cutter`` that is not taken; with a number when luck runs out."""
    for _ in range(6):
        name = f"{secrets.choice(WINDS)}_{secrets.choice(THINGS)}"
        if name not in taken:
            return name
    while True:
        name = f"{secrets.choice(WINDS)}_{secrets.choice(THINGS)}{secrets.randbelow(100_000)}"
        if name not in taken:
            return name
