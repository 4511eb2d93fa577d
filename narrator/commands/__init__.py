"""What the command line can do beside narrating, one file a command: `HELP` and `run(words, changed_settings)`."""
