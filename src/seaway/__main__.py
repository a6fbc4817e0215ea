"""``python -m seaway`` is the command line; the only module that knows both it and the daemon."""

from seaway.cli.main import main

main.table["daemon"] = ("seaway.daemon.command:daemon", "Run the daemon")

if __name__ == "__main__":
    main()
