"""``python -m seaway`` is the command line."""

from seaway.cli.main import main

if __name__ == "__main__":
    main()
