"""Published experiments done again: one file each, all giving a `Reproduction`."""
