"""Knows what is wrong and says so in words: diagnosis from logs; later probes, incidents and crash reports."""
