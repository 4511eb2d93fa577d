"""Models that run on this machine: which there are, which fit, how they are fetched, and where they lie."""
