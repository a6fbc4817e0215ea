"""Host ports: choose or refuse; a user-space relay only where NAT cannot serve."""
