"""What is displayed while tasks are polled."""
