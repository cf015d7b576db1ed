"""The OpenAPI document names every route, every field and an example of every error."""

from steadfast.api.documentation import document_application
from steadfast.api.options import FacesOptions, SwapOptions


def test_every_route_is_described() -> None:
    paths = document_application().openapi()["paths"]
    assert paths.keys() == {
        "/v1/swap",
        "/v1/faces",
        "/v1/entail",
        "/v1/jobs",
        "/v1/jobs/purge",
        "/v1/jobs/{id}",
        *(
            f"/v1/jobs/{{id}}/{part}"
            for part in (
                "attempts",
                "cancel",
                "events",
                "items",
                "pause",
                "result",
                "resume",
                "retry",
            )
        ),
        "/v1/cluster",
        "/v1/cluster/demand",
        "/v1/uploads",
        "/v1/uploads/{id}",
        "/health",
        "/health/live",
        "/health/ready",
        "/healthz",
        "/health/simple",
        "/metrics",
        "/status",
        "/v1/status",
        "/v1/incidents",
        "/v1/incidents/{id}",
        "/v1/incidents/stream",
        "/v1/crashes",
        "/v1/crashes/{id}",
        "/v1/crashes/{id}/bundle",
    }


def test_every_field_that_is_read_is_described() -> None:
    document = document_application().openapi()
    swap = document["paths"]["/v1/swap"]["post"]
    described = swap["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"].keys()
    assert described == set(SwapOptions.__struct_fields__) | {"source", "target", "reference"}
    listed = {parameter["name"] for parameter in document["paths"]["/v1/faces"]["post"]["parameters"]}
    assert set(FacesOptions.__struct_fields__) - {"deadline_s", "priority"} <= listed


def test_errors_have_examples_by_their_codes() -> None:
    answers = document_application().openapi()["paths"]["/v1/swap"]["post"]["responses"]
    examples = answers["422"]["content"]["application/problem+json"]["examples"]
    assert {"no_face", "poison_input"} <= examples.keys()
    assert examples["no_face"]["value"]["code"] == "no_face"
