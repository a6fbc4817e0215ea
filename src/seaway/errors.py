"""The error tree. An error carries facts, not only a sentence.

    SeawayError                 anything we raise on purpose
    ├── InvalidInput            the request makes no sense                      (HTTP 400)
    ├── NotFound                what was named does not exist                   (HTTP 404)
    ├── Conflict                it clashes with what exists now                 (HTTP 409)
    ├── Forbidden               understood, and refused by a rule               (HTTP 403)
    ├── NotModified             it is already so                                (HTTP 304)
    ├── NotImplementedHere      Docker has it, Seaway does not                  (HTTP 501)
    ├── Unavailable             a thing we depend on does not answer            (HTTP 503)
    ├── StoreConflict           a check of a commit failed; propose again       (internal)
    └── Failure                 the machine refused                             (HTTP 500)
        ├── Newer               a stored fact is a newer Seaway's
        ├── SettleFailed        some kernel operations failed; carries each
        └── RuntimeFailed       the OCI runtime or its monitor said no

The HTTP numbers are the API face's business (api/errors.py holds the one table); they stand here
because Docker's users know the errors by them. Messages follow Docker's words where Docker has any.
"""

from collections.abc import Sequence


class SeawayError(Exception):
    """Base of every error raised on purpose. ``str(error)`` is fit to show to a user."""

    @property
    def message(self) -> str:
        """The sentence for the user."""
        return str(self)


class InvalidInput(SeawayError):
    """The request makes no sense: says what was wrong and what is allowed."""


class NotFound(SeawayError):
    """What was named does not exist."""


class Conflict(SeawayError):
    """The request clashes with what exists now."""


class Forbidden(SeawayError):
    """The request is understood and refused by a rule."""


class NotModified(SeawayError):
    """The thing already is as asked for."""


class NotImplementedHere(SeawayError):
    """Docker's API has it; Seaway does not serve it."""


class Unavailable(SeawayError):
    """Something we depend on (a store, a swarm that does not exist) does not answer."""


class StoreConflict(SeawayError):
    """A commit's check failed. ``keys`` are the keys whose state was not as expected."""

    def __init__(self, keys: Sequence[str]) -> None:
        super().__init__(f"store changed under us: {', '.join(keys)}")
        self.keys = tuple(keys)


class Failure(SeawayError):
    """The machine refused."""


class Newer(Failure):
    """A fact was written by a newer Seaway than this one."""


class SettleFailed(Failure):
    """Some operations of a settle failed. ``reasons`` has one sentence for each; a few make the message."""

    SHOWN = 8

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(dict.fromkeys(reasons))
        more = len(self.reasons) - self.SHOWN
        shown = [*self.reasons[: self.SHOWN], *([f"and {more} more"] if more > 0 else [])]
        super().__init__("; ".join(shown))


class RuntimeFailed(Failure):
    """The OCI runtime, or conmon, refused. The message keeps the runtime's own words."""
