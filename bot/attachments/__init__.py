"""The text of attached files, read in a process of its own: parsers of hostile files hang, eat memory and crash."""
