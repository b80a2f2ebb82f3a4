"""Long tests of robustness: damaged files, hostile requests, kills, swaps and overload. `make soak` runs all."""
