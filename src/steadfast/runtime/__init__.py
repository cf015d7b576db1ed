"""Workers that may die at any time, and the supervisor for which that is an event, not an outage."""
