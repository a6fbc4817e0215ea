"""What does each way cost: measuring, on throw-away hosts."""
