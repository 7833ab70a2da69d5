"""OpenTA agents."""
