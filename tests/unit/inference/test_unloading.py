"""Why a model was unloaded can be read in the log."""

import pytest

from steadfast.inference.facts import ModelUnloaded, UnloadReason
from steadfast.observability.event_log import event_fields
from steadfast.observability.redaction import Redactor


@pytest.mark.parametrize("reason", UnloadReason)
def test_the_reason_for_which_a_model_was_unloaded_stands_in_the_log(reason: UnloadReason) -> None:
    fields = dict(event_fields(ModelUnloaded(model="yunet", reason=reason)))
    assert Redactor()(None, "info", dict(fields)) == {"model": "yunet", "reason": reason.value}
