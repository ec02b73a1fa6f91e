"""Errors a user can act on: each says what was expected, what was found, what to do."""

__all__ = [
    "ChannelError",
    "ConfigurationError",
    "LeakageError",
    "LedgerError",
    "MarketingError",
    "ModelRefusedError",
    "OverlapError",
    "ParameterError",
    "RehearsalError",
    "RunLockedError",
    "SchemaError",
    "SourceError",
    "StageOrderError",
    "TemplateError",
]


class MarketingError(Exception):
    """Base of every error that is the fault of an input, not of the program."""


class ParameterError(MarketingError, ValueError):
    """A parameter, params file or argument is not what it should be."""


class SchemaError(MarketingError, ValueError):
    """A source or table breaks its contract."""


class SourceError(MarketingError, RuntimeError):
    """A place that data comes from cannot be reached, or breaks off."""


class StageOrderError(MarketingError, RuntimeError):
    """A stage reads forward, writes another's table, or runs before what it needs."""


class LeakageError(MarketingError, ValueError):
    """A feature or label would see past the as-of date."""


class ModelRefusedError(MarketingError, RuntimeError):
    """A kept model is not what was written, so nothing of it is read."""


class OverlapError(MarketingError, ValueError):
    """Logged rounds cannot say what another policy would earn."""


class RehearsalError(MarketingError, RuntimeError):
    """A rehearsal found that something is not as it must be."""


class RunLockedError(MarketingError, RuntimeError):
    """Another process holds the run folder."""


class TemplateError(MarketingError, ValueError):
    """A message template is unsafe, broken, or lacks a value."""


class LedgerError(MarketingError, RuntimeError):
    """The message ledger refuses a step that would break one of its promises."""


class ChannelError(MarketingError):
    """A channel could not deliver one message.

    Parameters
    ----------
    message : str
        What was expected, what was found, what to do.
    channel : str
        Name of the channel.
    message_key : str
        Key of the message in the ledger.
    is_retryable : bool
        Whether the same message may be tried again: true only where it is certain that
        nothing was accepted.
    """

    def __init__(self, message: str, channel: str, message_key: str, is_retryable: bool) -> None:
        super().__init__(message)
        self.channel = channel
        self.message_key = message_key
        self.is_retryable = is_retryable


class ConfigurationError(Exception):
    """A key, server or setting is missing.

    Outside :class:`MarketingError`, so that a loop that catches the error of one message
    cannot hide that none can be sent.
    """
