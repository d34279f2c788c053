"""Load and fault runs over Slack: small in the test run, full by `make soak`. Each prints what it measured."""
