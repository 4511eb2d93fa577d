"""What leaves this machine, with whose consent and key, and the record of it."""
