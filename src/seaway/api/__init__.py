"""Docker's HTTP face."""
