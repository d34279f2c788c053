"""One file per group of commands: each parses, calls one function, prints."""
