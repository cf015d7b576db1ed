"""mosec: a front in Rust, workers in Python."""

# It runs with an interpreter of its own; here its library is not installed.
# mypy: disable-error-code="import-not-found,misc"

from mosec import Server, Worker


class Echo(Worker):
    """The length of the body."""

    def deserialize(self, data: bytes) -> bytes:
        """As it came."""
        return data

    def forward(self, data: bytes) -> dict[str, int]:
        """Its length."""
        return {"bytes": len(data)}


if __name__ == "__main__":
    server = Server()
    server.append_worker(Echo, num=1)
    server.run()
