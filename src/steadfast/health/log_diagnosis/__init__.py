"""Says what is wrong by reading logs: rules that are data, and statistics over the requests they tell of."""
