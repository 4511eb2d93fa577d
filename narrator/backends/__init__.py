"""Who describes, one file each."""
