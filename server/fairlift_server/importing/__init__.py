"""Imports files of a shop's other systems: rows become events, which the server's rules read."""
