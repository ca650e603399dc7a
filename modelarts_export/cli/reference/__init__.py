"""What `explain` shows, made of the declarations: options, topics, and the form of an explanation."""
