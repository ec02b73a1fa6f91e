"""Copies of a planned ledger that are ledgers of their own, and not old copies of one."""

import secrets
import shutil
import sqlite3

__all__ = ["copy_ledger"]


def copy_ledger(source, target):
    """Copy a ledger's folder and give it a name of its own; the copied audit log is void."""
    shutil.copytree(source, target)
    with sqlite3.connect(target / "ledger.db") as connection:
        connection.execute("UPDATE audit_head SET chain_id = ?", [secrets.token_hex(16)])
    connection.close()
