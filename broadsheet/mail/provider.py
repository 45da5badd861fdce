"""Hands a message to one of django-anymail's providers instead of an SMTP server.

A provider answers an HTTP request: yes, no, or nothing. No answer means that nobody knows, as it does after
SMTP's final dot, and is recorded the same way.
"""

from __future__ import annotations

import importlib

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend

from broadsheet.mail import messages, setup
from broadsheet.mail.messages import Content
from broadsheet.models import Message


class ForGood(Exception):
    """The provider said no; asking again would be answered the same."""


class Unclear(Exception):
    """There was no answer that says whether the message was taken."""


def backend() -> BaseEmailBackend:
    """The provider that BROADSHEET_MAIL_PROVIDER names. Raises NotSetUp."""
    try:
        module = importlib.import_module(f"anymail.backends.{settings.MAIL_PROVIDER}")
    except ImportError as error:
        raise setup.NotSetUp(
            f"BROADSHEET_MAIL_PROVIDER={settings.MAIL_PROVIDER!r} is none of django-anymail's."
        ) from error
    made = module.EmailBackend()
    assert isinstance(made, BaseEmailBackend)
    return made


def send(message: Message, content: Content) -> None:
    """Raises ForGood or Unclear."""
    from anymail.exceptions import AnymailAPIError, AnymailError, AnymailRequestsAPIError

    sender = setup.sender()
    mail = EmailMultiAlternatives(
        messages.line(content.subject)[: messages.LONGEST_SUBJECT],
        content.text,
        f"{messages.line(sender.name)} <{sender.address}>",
        [message.address],
        headers={"Message-ID": messages.message_id(message.key, sender), "Auto-Submitted": "auto-generated"},
    )
    if message.list_name:
        mail.extra_headers["List-Id"] = f"<{message.list_name}.{sender.domain}>"
    if message.stop_path:
        mail.extra_headers["List-Unsubscribe"] = f"<{setup.origin()}{message.stop_path}>"
        mail.extra_headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    if content.html:
        mail.attach_alternative(content.html, "text/html")
    try:
        backend().send_messages([mail])
    except AnymailRequestsAPIError as error:
        status = getattr(error, "status_code", None) or 0
        if 400 <= status < 500 and status not in (408, 429):
            raise ForGood(f"The provider refused it with {status}.") from error
        raise Unclear(f"The provider answered {status or 'nothing'}.") from error
    except AnymailAPIError as error:
        raise Unclear(type(error).__name__) from error
    except AnymailError as error:
        raise ForGood(type(error).__name__) from error
