"""LitServe: FastAPI in front, workers behind queues. It takes JSON, so the body is one JSON string."""

# It runs with an interpreter of its own; here its library is not installed.
# mypy: disable-error-code="import-not-found,misc"

import sys

import litserve


class Echo(litserve.LitAPI):
    """The length of the body."""

    def setup(self, device: str) -> None:
        """Nothing to load."""

    def decode_request(self, request: dict[str, str]) -> str:
        """The text."""
        return request["data"]

    def predict(self, x: str) -> int:
        """Its length."""
        return len(x)

    def encode_response(self, output: int) -> dict[str, int]:
        """As JSON."""
        return {"bytes": output}


if __name__ == "__main__":
    server = litserve.LitServer(Echo(), accelerator="cpu")
    server.run(port=int(sys.argv[1]), log_level="error", generate_client_file=False)
