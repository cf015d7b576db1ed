"""One server each, at the settings that its own documentation recommends; run by its own interpreter."""
