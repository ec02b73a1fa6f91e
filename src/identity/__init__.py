"""Which customer ids are one person; names and addresses stay in memory."""

from src.identity.resolve import Identities, resolve_identities

__all__ = ["Identities", "resolve_identities"]
