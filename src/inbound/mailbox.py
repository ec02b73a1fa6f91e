"""Mailboxes that bounces come back to."""
