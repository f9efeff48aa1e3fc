"""The command line, a contract: add, do not rename."""
