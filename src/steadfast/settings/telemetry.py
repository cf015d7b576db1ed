"""Settings of what the service lets others measure."""

from typing import Literal

from pydantic import Field, SecretStr

from steadfast.settings.values import OptionalPath, Section


class TelemetrySettings(Section):
    """Metrics, the status and traces: what is shown or sent, and to whom."""

    metrics: bool = True
    """Whether metrics are kept and `/metrics` is served."""
    require_key: Literal["auto", "never"] = "auto"
    """Whether `/metrics` needs an API key with the scope `metrics` or `admin`. auto: where requests need
    one; never: open to whoever reaches the port, for a network of one's own."""
    status: bool = True
    """Whether `/v1/status` and the page `/status` are served: whole for the scope `admin`, else what
    `/health` tells everybody."""
    traces: bool = False
    """Whether requests and jobs are traced and their spans sent to `otlp_url`; needs the `otel` extra."""
    otlp_url: str = Field(default="http://127.0.0.1:4318/v1/traces", pattern="^https?://")
    """Where spans are sent: an OpenTelemetry collector, or what else takes OTLP over HTTP (protobuf)."""
    otlp_headers: SecretStr | None = None
    """Headers of what is sent, as `name=value,name=value`: a receiver of somebody else's wants a key."""
    otlp_headers_file: OptionalPath = None
    """File that holds them."""
    traces_sampled: float = Field(default=1.0, ge=0, le=1)
    """Part of the traces that begin here which is recorded; what a caller has decided is followed."""
    survey_every_s: float = Field(default=15.0, gt=0)
    """Seconds between two looks at what folders and disks hold."""
