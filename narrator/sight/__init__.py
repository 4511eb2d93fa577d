"""What the app itself sees without a language model: change, objects, text."""
