"""What the backends on AWS protocols share: credentials, signatures, URLs and threads."""
