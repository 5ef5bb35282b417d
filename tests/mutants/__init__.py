"""Mutation testing: small faults are planted in the package, one at a time, and the tests must notice each."""
