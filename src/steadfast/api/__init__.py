"""HTTP: what comes in is bounded and checked here, handed to the runtime unopened, and answered."""
