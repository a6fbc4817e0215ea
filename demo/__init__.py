"""Seaway shown at work on throw-away hosts; the tests play on the same stage."""
