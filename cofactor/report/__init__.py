"""What experiments found, for people: tables in Markdown, pictures, and a page that needs nothing else."""
