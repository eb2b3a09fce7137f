"""From data to forecasts: risks of designs nobody has trained, ranks of teachers, plans."""
