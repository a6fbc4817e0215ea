"""What an OCI runtime says when it fails, turned into the sentences Docker's clients look for."""

import re

import msgspec

from seaway.errors import InvalidInput, RuntimeFailed


class CannotRun(RuntimeFailed, InvalidInput):
    """The command itself cannot be run. ``code`` is what a shell would exit with: 127 or 126.

    It is both the runtime's failure and the caller's mistake: Docker answers 400.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


CODES = (
    ("executable file not found", 127),
    ("no such file or directory", 127),
    ("permission denied", 126),
    ("is a directory", 126),
)
"""Texts by which Docker's clients tell the exit code, in the order they look for them."""

PREFIXES = {
    "create": "failed to create task for container: failed to create shim task: OCI runtime create failed: ",
    "start": "failed to start task: OCI runtime start failed: ",
    "exec": "OCI runtime exec failed: ",
}
"""What Docker puts before the runtime's words, by the verb that failed."""

_CRUN_PATH = re.compile(r"executable file [`'\"](?P<name>[^`'\"]*)[`'\"] not found in \$PATH", re.IGNORECASE)
_CRUN_OPEN = re.compile(
    r"open executable(?: [`'\"](?P<name>[^`'\"]*)[`'\"])?: (?P<reason>[^:]+)", re.IGNORECASE
)
_LOG_HEAD = re.compile(r'^time="[^"]*" level=\w+ msg=')


class _Line(msgspec.Struct):
    level: str = ""
    msg: str = ""


def failure(verb: str, said: str) -> RuntimeFailed:
    """The error for a failed ``verb`` (create, start, exec, …) of the runtime, with its words in it."""
    words = plain(said) or "the runtime failed and said nothing"
    message = f"{PREFIXES.get(verb, f'OCI runtime {verb} failed: ')}{words}: unknown"
    if "unable to start container process" in words or "exec:" in words:
        for text, code in CODES:
            if text in words:
                return CannotRun(message, code)
    return RuntimeFailed(message)


def plain(said: str) -> str:
    """The last complaint in what a runtime wrote: log heads removed, crun's phrases made runc's."""
    lines = [line.strip() for line in said.strip().splitlines() if line.strip()]
    if not lines:
        return ""
    text = " ".join(_unlog(line) for line in lines[-3:])
    if found := _CRUN_PATH.search(text):
        return (
            f'unable to start container process: exec: "{found["name"]}": executable file not found in $PATH'
        )
    if found := _CRUN_OPEN.search(text):
        what = f'exec: "{found["name"]}"' if found["name"] else "open executable"
        return f"unable to start container process: {what}: {found['reason'].lower()}"
    return text


def _unlog(line: str) -> str:
    if line.startswith("{"):
        try:
            return msgspec.json.decode(line, type=_Line).msg
        except msgspec.MsgspecError:
            return line
    bare = _LOG_HEAD.sub("", line)
    return bare if bare == line else bare.strip('"').replace('\\"', '"')


def last_error(log: bytes) -> str:
    """The last line of level error in a runtime's JSON log, or the empty string."""
    for line in reversed(log.splitlines()):
        try:
            entry = msgspec.json.decode(line, type=_Line)
        except msgspec.MsgspecError:
            continue
        if entry.level in ("error", "fatal"):
            return entry.msg
    return ""
