"""How much disk a directory takes."""

import os
from pathlib import Path


def bytes_below(path: str | Path) -> int:
    """Bytes of the files below a directory, a file with several names counted once; 0 when there is none.

    Blocks. What goes away meanwhile is not counted.
    """
    total, seen, left = 0, set[tuple[int, int]](), [str(path)]
    while left:
        try:
            entries = list(os.scandir(left.pop()))
        except OSError:
            continue
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if entry.is_dir(follow_symlinks=False):
                left.append(entry.path)
            elif (status.st_dev, status.st_ino) not in seen:
                total += status.st_size
                if status.st_nlink > 1:
                    seen.add((status.st_dev, status.st_ino))
    return total
