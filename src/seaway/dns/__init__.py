"""Names: an immutable zone, a pure decision, and a server of sockets."""
