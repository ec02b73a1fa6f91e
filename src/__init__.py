"""Campanile: marketing campaigns that are decided, sent and measured."""
