"""Measurements by command; the bars that they must keep are held in tests/."""
