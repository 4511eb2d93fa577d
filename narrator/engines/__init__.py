"""Models that run on this machine, each in a child process of its own: the two ends of the pipe, and what can go wrong."""
