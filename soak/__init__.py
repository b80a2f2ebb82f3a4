"""What is done to cofactor until it breaks, or long enough to believe that it does not. `make soak` runs all of it."""
