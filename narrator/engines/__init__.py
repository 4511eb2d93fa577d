"""Models that run on this machine, each in a child process: both ends of the pipe, and what can go wrong."""
