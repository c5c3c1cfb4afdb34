"""What a call can end with instead of a result."""


class Failure(Exception):
    """An error for the caller: a kind from the README, a sentence, more fields."""

    def __init__(self, kind, message, **fields):
        super().__init__(message)
        self.kind = kind
        self.fields = fields


class Canceled(BaseException):
    """A signal ended the call. Not an Exception: nothing but clean-up may catch it."""

    def __init__(self, signum):
        super().__init__(signum)
        self.signum = signum
