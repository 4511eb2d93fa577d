"""What describers that cost money take, kept within the user's limits."""
