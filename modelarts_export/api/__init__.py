"""The verbs of ModelArts and what they answer."""
