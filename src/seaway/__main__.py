"""``python -m seaway`` is the command line; the only module that knows it, the daemon and the lab."""

from seaway.cli.main import main

main.table["daemon"] = ("seaway.daemon.command:daemon", "Run the daemon")
main.table["lab"] = ("seaway.lab.commands:lab", "Many hosts on one machine")

if __name__ == "__main__":
    main()
