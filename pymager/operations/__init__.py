"""What an operator runs beside serving: sweep, check, import, warm, copy to other stores.

Each module is one command's work, without printing and without the command line."""
