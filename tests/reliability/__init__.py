"""Long runs of what the scenarios show once."""
