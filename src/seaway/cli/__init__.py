"""The command line: speaks only HTTP to the API."""
