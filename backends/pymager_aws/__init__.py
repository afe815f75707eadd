"""What the backends on AWS protocols share: credentials, signatures and URLs."""
