"""Several server processes on one port, and the process that keeps them running."""
