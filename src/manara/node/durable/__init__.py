"""One truth on disk: journal, snapshot, recovery, poison inputs, over the Disk seam."""
