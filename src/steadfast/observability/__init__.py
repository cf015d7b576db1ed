"""What the service tells of itself: structured logs; metrics and traces stand beside them."""
