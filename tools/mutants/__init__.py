"""Changes the decision rule one place at a time and counts the changes that no test notices.

Run by `make mutants`. Works on a copy in .venv/mutants and changes modules in memory only: each
changed module runs in a process of its own, forked after the libraries, and where possible the
tests, have been imported. A result is kept as soon as it is known, so that a run that was
interrupted goes on where it was.
"""
