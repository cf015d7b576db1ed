"""Whether a sentence follows from a picture: text and pictures prepared, models asked, answers told."""
