"""Programs for working on cofactor: checks of its structure, and faults for its tests."""
