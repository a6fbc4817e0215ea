"""Host ports: choose or refuse them, hold them, and relay in user space where NAT cannot serve."""
