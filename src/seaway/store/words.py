"""Why a server could not be reached, in plain words. Pure."""

import errno
from os import strerror

from aiohttp import ClientConnectorError


def why(error: BaseException) -> str:
    """What went wrong: the kernel's words where it has some, without the library's."""
    number = error.os_error.errno if isinstance(error, ClientConnectorError) else None
    if isinstance(error, ClientConnectorError) and number is not None and number in errno.errorcode:
        return f"{error.host}:{error.port}: {strerror(number)}"
    return str(error) or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
