"""Tests of assignments: read from *.test.yaml, run by the engine of the server, reported."""
