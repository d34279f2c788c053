"""Load and fault runs: small in the test run, full by `make soak`. Each prints what it measured."""
