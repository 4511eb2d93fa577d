"""The frame memory: what is kept of the pictures, and which of it a model is shown."""
