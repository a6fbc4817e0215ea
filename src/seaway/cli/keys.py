"""The key sequence that leaves a session without ending it: ctrl-p ctrl-q, or what the user chose."""

from dataclasses import dataclass

from seaway.cli.failures import Failed

DEFAULT = "ctrl-p,ctrl-q"


@dataclass(slots=True)
class DetachKeys:
    """Looks for the sequence in what is typed; a beginning of it is held back until it is decided."""

    sequence: bytes
    _held: bytes = b""

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """What to pass on, and whether the sequence is complete."""
        passed = b""
        for number in data:
            self._held += bytes([number])
            if self._held == self.sequence:
                return passed, True
            while self._held and not self.sequence.startswith(self._held):
                passed, self._held = passed + self._held[:1], self._held[1:]
        return passed, False


def detach_keys(text: str) -> DetachKeys:
    """The sequence from text such as ``ctrl-p,ctrl-q`` or ``a,ctrl-c``. Raises Failed when it is none."""
    found = bytearray()
    for key in (text or DEFAULT).split(","):
        letter = key.removeprefix("ctrl-")
        if len(letter) != 1 or not letter.isascii():
            raise Failed(f'invalid detach keys ({text}): "{key}" is no key; give letters and ctrl-letters')
        if key.startswith("ctrl-"):
            found.append(ord(letter.upper()) ^ 64)
        else:
            found.append(ord(letter))
    return DetachKeys(bytes(found))
