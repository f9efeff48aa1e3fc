"""The program that runs one node: the only sockets, disk and clock of the product."""
