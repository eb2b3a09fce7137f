"""Arrays in, arrays out: moments, spectra, shrinkage, least squares; no files, no printing."""
