"""OpenTA server."""
