"""The nouns: every table, its constraints and its adjectives. `from broadsheet.models import Paper`."""

from broadsheet.models.api_key import SCOPES, ApiKey, Repeatable
from broadsheet.models.author import Author, Authorship
from broadsheet.models.ballot import CAUSES, Ballot, Unchangeable
from broadsheet.models.category import Category, PaperCategory
from broadsheet.models.collection import VISIBILITIES, Collection, CollectionItem, FeedKey
from broadsheet.models.interest import DIAL, IMPORT_STATES, Interest, Lesson, LibraryImport
from broadsheet.models.invitation import Invitation
from broadsheet.models.mail import SETTLED, STATES, Bounce, Message, Outbox, Pace, Suppression
from broadsheet.models.moderation import Ban, CommunityRules, Moderation
from broadsheet.models.paper import Alias, Link, Paper, Version
from broadsheet.models.reader import ROLES, Reader
from broadsheet.models.reading import FOLLOWED, MARKS, OPENED, Follow, Mark, SavedSearch, Upvote
from broadsheet.models.run import Run
from broadsheet.models.session import Session
from broadsheet.models.signal import Signal
from broadsheet.models.source import SourceState, Watch
from broadsheet.models.submission import Claim, Submission
from broadsheet.models.subscription import RHYTHMS, WHATS, Clipping, Edition, Hit, Matched, Subscription
from broadsheet.models.talk import (
    REACTIONS,
    REPORT_REASONS,
    Block,
    Comment,
    CommentVersion,
    Notice,
    NoticeWish,
    Reaction,
    Report,
)
from broadsheet.models.tally import Tally
from broadsheet.models.webhook import Delivery, Webhook, WebhookHit

__all__ = [
    "CAUSES",
    "DIAL",
    "FOLLOWED",
    "IMPORT_STATES",
    "MARKS",
    "OPENED",
    "REACTIONS",
    "REPORT_REASONS",
    "RHYTHMS",
    "ROLES",
    "SCOPES",
    "SETTLED",
    "STATES",
    "VISIBILITIES",
    "WHATS",
    "Alias",
    "ApiKey",
    "Author",
    "Authorship",
    "Ballot",
    "Ban",
    "Block",
    "Bounce",
    "Category",
    "Claim",
    "Clipping",
    "Collection",
    "CollectionItem",
    "Comment",
    "CommentVersion",
    "CommunityRules",
    "Delivery",
    "Edition",
    "FeedKey",
    "Follow",
    "Hit",
    "Interest",
    "Invitation",
    "Lesson",
    "LibraryImport",
    "Link",
    "Mark",
    "Matched",
    "Message",
    "Moderation",
    "Notice",
    "NoticeWish",
    "Outbox",
    "Pace",
    "Paper",
    "PaperCategory",
    "Reaction",
    "Reader",
    "Repeatable",
    "Report",
    "Run",
    "SavedSearch",
    "Session",
    "Signal",
    "SourceState",
    "Submission",
    "Subscription",
    "Suppression",
    "Tally",
    "Unchangeable",
    "Upvote",
    "Version",
    "Watch",
    "Webhook",
    "WebhookHit",
]
