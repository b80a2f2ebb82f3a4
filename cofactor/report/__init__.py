"""Reports of experiments for readers: plots, tables, and HTML and Markdown pages that hold both."""
