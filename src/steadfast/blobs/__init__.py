"""Files that must outlive the processes that made them: inputs, segments, results."""
