"""Settings of the fault drill."""

from pydantic import Field

from steadfast.settings.values import Section


class DrillSettings(Section):
    """Whether `steadfast drill --target` may break this service on purpose."""

    enabled: bool = False
    """Whether workers and server obey a drill: `/v1/drill`, for the scope `admin`. Never on a service that
    others rely on: whoever has that scope can then crash, hang and starve it."""
    canary_busy_s: float = Field(default=5.0, gt=0)
    """Seconds between two checks of a worker that is never idle, while `enabled`; else 300."""
