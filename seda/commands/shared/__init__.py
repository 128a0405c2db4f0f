"""What several commands need: exit statuses, options, what a call names, models, and the terminal."""
