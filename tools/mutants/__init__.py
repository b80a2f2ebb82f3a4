"""Put small random faults into the code, one at a time, and list those that no test sees."""
