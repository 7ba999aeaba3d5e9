"""Replays a real experiment, Kevin Hillstrom's e-mail challenge of 2008, and compares figures."""
