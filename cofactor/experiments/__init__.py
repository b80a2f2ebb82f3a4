"""Experiments: many trainings on the same splits, to compare them and to tune them."""
