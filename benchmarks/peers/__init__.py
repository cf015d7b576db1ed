"""The same echo in other servers; run by their own interpreter, see `serving_overhead`."""
