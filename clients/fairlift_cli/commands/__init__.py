"""The commands, each as click has it; each imports what it needs only when it runs."""
