"""Many znodes by one request: ZooKeeper's multi-read (from 3.6 on), which kazoo does not know yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from kazoo.exceptions import EXCEPTIONS
from kazoo.protocol.serialization import GetData, MultiHeader, int_struct, stat_struct

SHARE = 50
"""Znodes of one request."""

_ERROR = -1


@dataclass(frozen=True, slots=True)
class MultiRead:
    """The request; its answer is a list of (data, stat), or of an exception where there is none."""

    paths: Sequence[str]
    type: ClassVar[int] = 22

    def serialize(self) -> bytes:
        """The request's bytes."""
        parts = [
            bytes(MultiHeader(GetData.type, False, -1).serialize() + GetData(path, None).serialize())
            for path in self.paths
        ]
        return b"".join([*parts, bytes(MultiHeader(-1, True, -1).serialize())])

    @classmethod
    def deserialize(cls, frame: bytes, offset: int) -> list[Any]:
        """The answer's parts."""
        answers: list[Any] = []
        header, offset = MultiHeader.deserialize(frame, offset)
        while not header.done:
            if header.type == _ERROR:
                answers.append(EXCEPTIONS[int_struct.unpack_from(frame, offset)[0]]())
                offset += int_struct.size
            else:
                data, stat = GetData.deserialize(frame, offset)
                answers.append((data, stat))
                offset += int_struct.size + max(0, len(data or b"")) + stat_struct.size
            header, offset = MultiHeader.deserialize(frame, offset)
        return answers


def ask_many(client: Any, paths: Sequence[str]) -> Any:
    """Send it, by the door that all of kazoo's own requests go through."""
    answer = client.handler.async_result()
    client._call(MultiRead(paths), answer)
    return answer
