"""Broadsheet: trending research papers, in your inbox, on a server you own."""

__version__ = "0.2.0"
