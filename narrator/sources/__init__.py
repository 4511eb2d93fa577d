"""Where pictures come from, one file each."""
