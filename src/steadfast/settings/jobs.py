"""Settings of jobs: how they are cut, shared out among workers, and tried again."""

from pydantic import Field

from steadfast.settings.values import Section


class JobSettings(Section):
    """Work that is recorded and finished whatever dies in between."""

    enabled: bool = True
    """Whether jobs are taken and worked on."""
    segment_s: float = Field(default=4.0, ge=0.2, le=600)
    """Seconds of video in one segment, where a job does not say so itself."""
    lease_s: float = Field(default=60.0, ge=2)
    """Seconds without progress after which a segment is given to somebody else."""
    max_attempts: int = Field(default=3, ge=1)
    """Failures of one segment, by its own doing, after which it is given up."""
    open_by_key: int = Field(default=4, ge=1)
    """Jobs of one key and priority that are worked on in turn; the others wait in order."""
    max_workers: int = Field(default=0, ge=0)
    """Workers that jobs may hold at one time; 0: all, behind interactive requests."""
    max_items: int = Field(default=10_000, ge=1)
    """Items of one batch."""
