"""How the kernel looks and how it is changed."""
