"""Messages of fairlift.v1 to the engine's meanings and back, and nothing else."""
