"""Knows what is wrong and says so in words: probes, incidents, crash reports, alerts, diagnosis from logs."""
