"""The page `/status`: one file of HTML with its style and its program inside, and nothing from elsewhere."""
