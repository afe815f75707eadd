"""What is read of an original's metadata, and written into variants: its copyright. All of it comes from strangers."""
