"""Who speaks, one file each."""
