"""The command ``seaway``: the group that all sub-commands hang on."""

import click


@click.group()
@click.version_option(package_name="seaway")
def main() -> None:
    """Container networking as Docker made it, for plain Linux hosts."""
