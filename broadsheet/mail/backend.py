"""Django's door to mail: what `send_mail` and libraries send goes through the same queue and suppression."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend

from broadsheet.mail import addresses, setup
from broadsheet.mail.posting import post

log = logging.getLogger("broadsheet.mail")


class QueueBackend(BaseEmailBackend):
    """Queues one message for each recipient. Headers and attachments of others' making are left out."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        if not setup.is_set_up():
            log.warning("Mail is not set up here, so %d messages were not sent", len(email_messages))
            return 0
        return sum(self._queue(each) for each in email_messages)

    def _queue(self, message: EmailMessage) -> bool:
        html = ""
        if isinstance(message, EmailMultiAlternatives):
            html = next(
                (str(content) for content, kind in message.alternatives or () if kind == "text/html"), ""
            )
        queued = 0
        for recipient in message.recipients():
            try:
                queued += bool(
                    post(
                        recipient, str(message.subject), str(message.body), html, kind="account", urgent=True
                    )
                )
            except addresses.BadAddress:
                if not self.fail_silently:
                    raise
        return queued > 0
