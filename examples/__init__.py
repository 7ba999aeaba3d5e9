"""Programs that show Fairlift at work, each with a real server and real gRPC."""
