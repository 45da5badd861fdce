"""Webhooks by our own JSON API: the same verbs as their pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Router, Schema
from ninja.responses import Status
from pydantic import Field

from broadsheet import webhooks
from broadsheet.api.v1_acts import ACTS, READS
from broadsheet.api.v1_asking import by, reader_of, repeatable
from broadsheet.api.v1_shapes import Number, Sent
from broadsheet.models import Delivery, Webhook
from broadsheet.web import webhooks as pages

router = Router()


class WebhookOut(Schema):
    id: int
    url: str
    query: str
    state: Literal["on", "paused", "off"] = Field(description="off: switched off by the server")
    why: str = Field(description="why it was switched off")
    failures: int = Field(description="tries that failed in a row")
    made_at: datetime
    delivered_at: datetime | None


class SecretOut(Schema):
    secret: str = Field(description="what its messages are signed with (Standard Webhooks)")


class WebhooksOut(Schema):
    webhooks: list[WebhookOut]
    next: str = ""


class DeliveryOut(Schema):
    id: int
    event: str = Field(description="`webhook-id` of its messages")
    kind: Literal["papers.matched", "test"]
    papers: int
    state: Literal["waiting", "done", "failed"]
    attempts: int
    status: int | None
    said: str
    made_at: datetime
    due_at: datetime
    tried_at: datetime | None


class DeliveriesOut(Schema):
    deliveries: list[DeliveryOut]
    next: str = ""


class WebhookIn(Sent):
    url: str = Field(examples=["https://example.org/hooks/papers"])
    query: str = Field(examples=["diffusion cat:cs.LG"])


class WebhookChange(Sent):
    url: str | None = None
    query: str | None = None
    state: Literal["on", "paused"] | None = None


@router.get(
    "/webhooks",
    auth=by("webhooks"),
    response={200: WebhooksOut, **READS},
    summary="Your webhooks",
    tags=["Webhooks"],
)
def all_of_them(request: HttpRequest) -> dict[str, Any]:
    """All of them, at most 20, the newest first."""
    return {"webhooks": [_told(found) for found in webhooks.of_reader(reader_of(request))], "next": ""}


@router.post(
    "/webhooks",
    auth=by("webhooks", pages.page),
    response={201: WebhookOut, **ACTS},
    summary="Make a webhook",
    tags=["Webhooks"],
)
@repeatable
def make(request: HttpRequest, body: WebhookIn) -> Status[Any]:
    """New papers that match `query` are sent to `url` from now on."""
    return Status(201, _told(webhooks.make(reader_of(request), body.url, body.query)))


@router.get(
    "/webhooks/{key}",
    auth=by("webhooks"),
    response={200: WebhookOut, **READS},
    summary="One webhook",
    tags=["Webhooks"],
)
def one(request: HttpRequest, key: Number) -> dict[str, Any]:
    return _told(webhooks.own(reader_of(request), key))


@router.patch(
    "/webhooks/{key}",
    auth=by("webhooks", pages.change),
    response={200: WebhookOut, **ACTS},
    summary="Change, pause or switch on a webhook",
    tags=["Webhooks"],
)
def change(request: HttpRequest, key: Number, body: WebhookChange) -> dict[str, Any]:
    """What is not named stays as it is."""
    on = {"on": True, "paused": False, None: None}[body.state]
    return _told(webhooks.change(reader_of(request), key, url=body.url, query=body.query, on=on))


@router.delete(
    "/webhooks/{key}",
    auth=by("webhooks", pages.delete),
    response={204: None, **ACTS},
    summary="Delete a webhook",
    tags=["Webhooks"],
)
def delete(request: HttpRequest, key: Number) -> Status[Any]:
    webhooks.remove(reader_of(request), key)
    return Status(204, None)


@router.get(
    "/webhooks/{key}/secret",
    auth=by("webhooks"),
    response={200: SecretOut, **READS},
    summary="The secret of a webhook",
    tags=["Webhooks"],
)
def secret(request: HttpRequest, key: Number) -> Any:
    """What its messages are signed with."""
    return webhooks.own(reader_of(request), key)


@router.post(
    "/webhooks/{key}/secret",
    auth=by("webhooks", pages.renew),
    response={200: WebhookOut, **ACTS},
    summary="Make a new secret",
    tags=["Webhooks"],
)
@repeatable
def new_secret(request: HttpRequest, key: Number) -> Status[Any]:
    """The old one signs nothing from the next message on."""
    return Status(200, _told(webhooks.renew_secret(reader_of(request), key)))


@router.post(
    "/webhooks/{key}/test",
    auth=by("webhooks", pages.test),
    response={202: DeliveryOut, **ACTS},
    summary="Send a test",
    tags=["Webhooks"],
)
@repeatable
def test(request: HttpRequest, key: Number) -> Status[Any]:
    """Within a quarter of a minute, once, whether the webhook is on or not."""
    return Status(202, _sent(webhooks.test(reader_of(request), key)))


@router.get(
    "/webhooks/{key}/deliveries",
    auth=by("webhooks"),
    response={200: DeliveriesOut, **READS},
    summary="What was sent",
    tags=["Webhooks"],
)
def deliveries(request: HttpRequest, key: Number) -> dict[str, Any]:
    """The newest fifty of the last 30 days."""
    found = webhooks.deliveries_of(webhooks.own(reader_of(request), key))
    return {"deliveries": [_sent(delivery) for delivery in found], "next": ""}


@router.post(
    "/webhooks/{key}/deliveries/{delivery}/again",
    auth=by("webhooks", pages.again),
    response={202: DeliveryOut, **ACTS},
    summary="Send a message once more",
    tags=["Webhooks"],
)
@repeatable
def again(request: HttpRequest, key: Number, delivery: Number) -> Status[Any]:
    """Under its old `webhook-id`, so that a receiver knows it."""
    return Status(202, _sent(webhooks.send_again(reader_of(request), key, delivery)))


def _told(found: Webhook) -> dict[str, Any]:
    names = [name for name in WebhookOut.model_fields if name != "id"]
    return {"id": found.pk, **{name: getattr(found, name) for name in names}}


def _sent(found: Delivery) -> dict[str, Any]:
    names = [name for name in DeliveryOut.model_fields if name != "id"]
    return {"id": found.pk, **{name: getattr(found, name) for name in names}}
