"""What a variant is: options, grammar, canonical name, and who may ask for it."""
