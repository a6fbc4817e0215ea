"""Names for containers that were given none: a wind and a thing of the sea."""

import secrets
from collections.abc import Container

WINDS = (
    "brisk calm clear cool crisp dawn deep eager early even fair fast fine firm fresh gentle gusty high keen "
    "late lively long low mild misty moist north noon open pale plain proud quick quiet rough salty sharp "
    "silent slow smooth soft south steady still strong sunny swift tidal true warm west wide windy"
).split()
THINGS = (
    "anchor atoll barge bay beacon bight boat bow breaker brig buoy cable cape capstan channel cliff cove "
    "current cutter deck dinghy dock dory ferry fjord frigate gale galley gull harbor haven heron hull islet "
    "jetty keel ketch lagoon ledge lighthouse mast mooring oar otter pelican pier port prow quay reef rigging "
    "rudder sail schooner shoal skiff sloop sound spar strait surf tide tiller tug wake wharf yawl"
).split()


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
