"""What the topics hold: frozen records, their codec, the errors. Imports nothing else of this project."""
