"""The version of the code that decides a run's numbers."""

NUMERICS = 1
"""Raise it by one whenever the same experiment and seed could give other counts than before: another order of random
draws, another formula, another order of summation. A record says with which version it was made, so that two records
must agree count for count only where the versions do. ``tests/training/test_numerics.py`` pins tiny runs and turns red
when this number should have been raised."""
