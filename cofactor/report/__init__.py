"""What experiments found, for people: pictures, tables, and a page that holds both."""
