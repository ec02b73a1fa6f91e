"""What is behind an error that a library has wrapped."""

__all__ = ["find_reason", "innermost"]


def find_reason(error: BaseException | None, kind: type) -> BaseException | None:
    """Find the first error of a kind among the causes of an error."""
    seen = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, kind):
            return error
        seen.add(id(error))
        error = getattr(error, "exception", None) or error.__cause__ or error.__context__
    return None


def innermost(error: BaseException) -> BaseException:
    """Find the error with which it began."""
    while (cause := getattr(error, "exception", None) or error.__cause__) is not None:
        error = cause
    return error
