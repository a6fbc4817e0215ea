"""Detach keys: the sequence (ctrl-p ctrl-q) with which a terminal's user leaves and lets the process run."""

from seaway.errors import InvalidInput

DEFAULT = "ctrl-p,ctrl-q"
"""What Docker uses when a client names none."""

CONTROLS = {chr(c): c - ord("a") + 1 for c in range(ord("a"), ord("z") + 1)} | {
    "@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, "_": 31,
}  # fmt: skip
"""What follows ``ctrl-`` → the byte a terminal sends."""


def parse(text: str) -> bytes:
    """``ctrl-p,ctrl-q`` or ``a,b`` as the bytes to wait for. Raises InvalidInput."""
    sequence = bytearray()
    for word in text.split(","):
        if len(word) == 1 and word.isascii():
            sequence.append(ord(word))
        elif word.startswith("ctrl-") and word[5:] in CONTROLS:
            sequence.append(CONTROLS[word[5:]])
        else:
            raise InvalidInput(
                f"Invalid escape keys ({text}) provided: Unknown character: '{word}'; each is one character "
                "or ctrl- with one of a-z @ [ \\ ] ^ _"
            )
    return bytes(sequence)


class Keys:
    """Watches input for the sequence; holds back what may be its beginning."""

    def __init__(self, text: str = "") -> None:
        self._sequence = parse(text or DEFAULT)
        self._seen = 0
        self.complete = False

    def feed(self, data: bytes) -> bytes:
        """What of ``data`` (and of what was held back) goes on to the process."""
        passed = bytearray()
        for byte in data:
            if byte == self._sequence[self._seen]:
                self._seen += 1
                if self._seen == len(self._sequence):
                    self.complete = True
                    return bytes(passed)
                continue
            passed += self._sequence[: self._seen]
            self._seen = 0
            if byte == self._sequence[0]:
                self._seen = 1
            else:
                passed.append(byte)
        return bytes(passed)
