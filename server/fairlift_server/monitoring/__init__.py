"""What operators watch: figures for Prometheus, and whether the server lives and is ready."""
