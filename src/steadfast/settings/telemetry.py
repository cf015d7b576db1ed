"""Settings of what the service lets others measure."""

from typing import Literal

from pydantic import Field

from steadfast.settings.values import Section


class TelemetrySettings(Section):
    """Metrics and the status: what is shown, and to whom."""

    metrics: bool = True
    """Whether metrics are kept and `/metrics` is served."""
    require_key: Literal["auto", "never"] = "auto"
    """Whether `/metrics` needs an API key with the scope `metrics` or `admin`. auto: where requests need
    one; never: open to whoever reaches the port, for a network of one's own."""
    status: bool = True
    """Whether `/v1/status` and the page `/status` are served: whole for the scope `admin`, else what
    `/health` tells everybody."""
    survey_every_s: float = Field(default=15.0, gt=0)
    """Seconds between two looks at what folders and disks hold."""
