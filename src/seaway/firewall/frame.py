"""The frame: the static text of the one table, family inet, in the host's namespace.

Everything variable is an element of a set or a map; the chains never change. So adding a network or
a port is an element, a packet costs a few hash look-ups whatever the number of networks, and there is
nothing to take apart when something goes away. Policies are always ``accept``: what is not ours passes.

How to read the forward chain: what has begun may go on; bridges that may talk do; internal networks
talk to nobody else; what does not go to a bridge of ours is none of our business; to a bridge of ours
goes only what a published port, a trusted interface or an open gateway mode lets in.
"""

from seaway.datapath.resources import HOST, NftTable

FAMILY = "inet"
"""Family of the table."""

_SETS = """
	set bridges { type ifname; }
	set wire { type inet_proto . inet_service; }
	set icc { type ifname . ifname; }
	set internal { type ifname; }
	set trusted { type ifname . ifname; }
	set unprotected4 { type ifname; }
	set unprotected6 { type ifname; }
	set routed4 { type ifname; }
	set routed6 { type ifname; }
	set open4 { type ifname . ipv4_addr . inet_proto . inet_service; }
	set open6 { type ifname . ipv6_addr . inet_proto . inet_service; }
	set masq4 { type ifname; }
	set masq6 { type ifname; }
	map snat4 { type ifname : ipv4_addr; }
	map snat6 { type ifname : ipv6_addr; }
	map publish4 { type inet_proto . inet_service : ipv4_addr . inet_service; }
	map publish6 { type inet_proto . inet_service : ipv6_addr . inet_service; }
	map publish4_at { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
	map publish6_at { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }
"""

# A packet to 127.0.0.0/8 from a container would be taken in, because bridges have route_localnet on.
# With VXLAN packets, which hosts of a cluster send, it could send frames into any overlay network.
_RAW = """
	chain raw {
		type filter hook prerouting priority raw; policy accept;
		iifname @bridges ip daddr 127.0.0.0/8 drop
		iifname @bridges meta l4proto udp meta l4proto . th dport @wire drop
	}
"""

_FORWARD = """
	chain forward {
		type filter hook forward priority filter; policy accept;
		ct state established,related accept
		iifname . oifname @icc accept
		iifname @internal drop
		oifname @internal drop
		oifname != @bridges accept
		ct status dnat accept
		iifname . oifname @trusted accept
		meta nfproto ipv4 oifname @unprotected4 accept
		meta nfproto ipv6 oifname @unprotected6 accept
		meta l4proto icmp oifname @routed4 accept
		meta l4proto ipv6-icmp oifname @routed6 accept
		meta l4proto { tcp, udp, sctp } oifname . ip daddr . meta l4proto . th dport @open4 accept
		meta l4proto { tcp, udp, sctp } oifname . ip6 daddr . meta l4proto . th dport @open6 accept
		drop
	}
"""

# The address comes before the port alone, so that a port on one address wins over the same on all.
# What is published on 127.0.0.1 is for this host alone, even where others turned route_localnet on.
# Nothing from ::1 can be sent on: IPv6 takes no answer to ::1 in from a device, so a relay serves there.
_PUBLISH = """
	chain publish {
		meta l4proto { tcp, udp, sctp } dnat ip to ip daddr . meta l4proto . th dport map @publish4_at
		meta l4proto { tcp, udp, sctp } dnat ip6 to ip6 daddr . meta l4proto . th dport map @publish6_at
		meta l4proto { tcp, udp, sctp } dnat ip to meta l4proto . th dport map @publish4
		meta l4proto { tcp, udp, sctp } dnat ip6 to meta l4proto . th dport map @publish6
	}
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		ip daddr 127.0.0.0/8 return
		fib daddr type local jump publish
	}
	chain output {
		type nat hook output priority -100; policy accept;
		ip6 daddr ::1 return
		fib daddr type local jump publish
	}
"""

# Towards a bridge: a container that comes through a published port of a neighbour (or of its own) must
# get the answer from where it asked, and 127.0.0.1 means nothing in a container: both come from the bridge.
# With br_netfilter such a packet stays on the bridge and has no input device here (second rule).
_SOURCE = """
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		oifname @bridges ct status dnat iifname @bridges masquerade
		oifname @bridges ct status dnat iif 0 fib saddr type != local masquerade
		oifname @bridges ip saddr 127.0.0.0/8 masquerade
		iifname . oifname @icc accept
		snat ip to iifname map @snat4
		snat ip6 to iifname map @snat6
		meta nfproto ipv4 iifname @masq4 masquerade
		meta nfproto ipv6 iifname @masq6 masquerade
	}
"""

FRAME = "".join((_SETS, _RAW, _FORWARD, _PUBLISH, _SOURCE))
"""What stands between ``table inet <name> {`` and ``}``."""


def table(name: str) -> NftTable:
    """The frame as a resource; ``name`` is the node's table name."""
    return NftTable(ns=HOST, family=FAMILY, name=name, text=FRAME)
