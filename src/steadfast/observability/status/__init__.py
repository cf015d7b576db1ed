"""How a service stands at one moment, as one document for people who watch it."""
