"""Hidden namespaces as the kernel has them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from demo.host import Host

_HIDDEN = r"""
for room in EXEC/netns/1-*; do
    [ -e "$room" ] || continue
    echo "#$(basename "$room")"
    nsenter --net="$room" sh -c 'ip -j -d link; echo; bridge -j fdb; echo; ip -j neigh show nud permanent'
done
"""


@dataclass(frozen=True, slots=True)
class Hidden:
    """A hidden namespace as the kernel has it: answers of ip link, bridge fdb, ip neigh."""

    links: Sequence[Mapping[str, Any]]
    fdb: Sequence[Mapping[str, Any]]
    neighbours: Sequence[Mapping[str, Any]]

    @property
    def names(self) -> set[str]:
        """Names of its devices."""
        return {link["ifname"] for link in self.links}

    def vxlan(self) -> list[Mapping[str, Any]]:
        """Its VXLAN devices, by VNI."""
        found = [link for link in self.links if link.get("linkinfo", {}).get("info_kind") == "vxlan"]
        return sorted(found, key=lambda link: int(link["linkinfo"]["info_data"]["id"]))

    def forwards(self) -> set[tuple[str, str]]:
        """MAC addresses and where frames for them go."""
        return {(e["mac"], e["dst"]) for e in self.fdb if e["ifname"].startswith("vx-") and "dst" in e}

    def led(self) -> set[str]:
        """MAC addresses that the bridges lead to the VXLAN devices."""
        return {e["mac"] for e in self.fdb if e["ifname"].startswith("vx-")
                and "static" in (e.get("state"), *e.get("flags", ()))}  # fmt: skip

    def known(self, kind: str) -> set[tuple[str, str]]:
        """Addresses and MAC addresses of the permanent neighbours on the ``vx-`` or ``ov-`` devices."""
        return {(n["dst"], n["lladdr"]) for n in self.neighbours if n["dev"].startswith(kind)}


def look(host: Host) -> dict[str, Hidden]:
    """The hidden namespaces of a host, by file name."""
    found: dict[str, Hidden] = {}
    for part in host.sh(_HIDDEN.replace("EXEC", str(host.exec))).out.split("#")[1:]:
        room, _, rest = part.partition("\n")
        found[room] = Hidden(*(json.loads(line) for line in rest.splitlines() if line.strip()))
    return found
