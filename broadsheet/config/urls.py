"""Every address. The ones that people know from elsewhere mean the same here."""

from __future__ import annotations

from django.urls import URLPattern, path, register_converter
from django.views.generic import RedirectView

from broadsheet import admin, feeds
from broadsheet.api.addresses import addresses as dialects
from broadsheet.web import (
    authors,
    belongings,
    claiming,
    collecting,
    errors,
    following,
    foryou,
    guide,
    health,
    importing,
    interests,
    inviting,
    joining,
    judging,
    keys,
    library,
    listings,
    mail_events,
    moderating,
    papers,
    readers,
    saved,
    searching,
    several,
    sources,
    stopping,
    submitting,
    subscribing,
    talk,
    teaching,
    voting,
    wayfinding,
    webhooks,
)


class Feed:
    """The suffix of a feed."""

    regex = "rss|atom|json"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class Whole(Feed):
    """The suffix of a whole list in any of the formats of `exports`."""

    regex = r"bib|ris|csl\.json|rdf|md"


class Secret(Feed):
    """The end of a secret link."""

    regex = "[0-9a-f]{40}"


class FeedSecret(Feed):
    """The end of a private feed's address."""

    regex = "[0-9]{1,18}-[0-9a-f]{40}"


class Stem(Feed):
    """A path segment without a dot, so that a suffix can follow."""

    regex = "[^/.]+"


register_converter(Feed, "feed")
register_converter(Stem, "stem")
register_converter(Whole, "whole")
register_converter(Secret, "secret")
register_converter(FeedSecret, "feedsecret")

# Where a listing lives, with what the views are told of it.
_WINDOWS: list[tuple[str, dict[str, str]]] = [
    ("date/<stem:key>", {"period": "day"}),
    ("week/<stem:key>", {"period": "week"}),
    ("month/<stem:key>", {"period": "month"}),
    ("trending", {"period": "trending"}),
    ("all", {"period": "all"}),
]


def _listings() -> list[URLPattern]:
    found = [
        path("papers", listings.newest),
        path("papers.<feed:form>", feeds.newest),
        path("papers.<whole:form>", listings.newest_file),
    ]
    for period in ("week", "month"):
        found += [
            path(f"papers/{period}", listings.newest, {"period": period}),
            path(f"papers/{period}.<feed:form>", feeds.newest, {"period": period}),
            path(f"papers/{period}.<whole:form>", listings.newest_file, {"period": period}),
        ]
    for where, told in _WINDOWS:
        found += [
            path(f"papers/{where}", listings.listing, told),
            path(f"papers/{where}.<feed:form>", feeds.listing, told),
            path(f"papers/{where}.<whole:form>", listings.file, told),
        ]
    # What is left over says what a date looks like.
    for word, period in (("date", "day"), ("week", "week"), ("month", "month")):
        found.append(path(f"papers/{word}/<path:key>", listings.listing, {"period": period}))
    return found


_SEARCH = [
    path("search", searching.results),
    path("search.<feed:form>", feeds.found),
    path("search.<whole:form>", searching.file),
    path("searches", saved.searches),
    path("searches/<int:key>", saved.rename),
    path("searches/<int:key>/delete", saved.delete),
    path("for-you", foryou.page),
    path("for-you/settings", foryou.settings),
    path("for-you/reset", foryou.reset),
    path("for-you/forget-opened", foryou.forget_opened),
    path("for-you/<feedsecret:secret>.<feed:form>", feeds.for_you),
    path("interests", interests.listed),
    path("interests/teach", interests.teach_one),
    path("interests/<int:key>.<feed:form>", feeds.interest),
    path("interests/<int:key>/<secret:secret>.<feed:form>", feeds.interest),
    path("interests/<int:key>/<feedsecret:private>.<feed:form>", feeds.interest),
    path("interests/<int:key>", interests.interest),
    path("interests/<int:key>/<secret:secret>", interests.interest),
    path("interests/<int:key>/teach", interests.teach),
    path("interests/<int:key>/teaching", teaching.page),
    path("interests/<int:key>/forget", interests.forget),
    path("interests/<int:key>/change", interests.change),
    path("interests/<int:key>/delete", interests.delete),
    path("interests/<int:key>/link", interests.renew),
    path("interests/<int:key>/copy", interests.copy),
    path("similar", several.several),
    path("similar.<feed:form>", feeds.alike),
    path("similar.<whole:form>", several.file),
    path("similar/<path:spelling>", papers.similar),
]

# Accounts: our own pages, then django-allauth's at addresses of ours.
_ACCOUNT = [
    path("account", readers.account),
    path("account/sessions/end", readers.end_sessions),
    path("account/keys", keys.page),
    path("account/keys/<int:key>/revoke", keys.revoke),
    path("account/webhooks", webhooks.page),
    path("account/webhooks/<int:key>", webhooks.webhook),
    path("account/webhooks/<int:key>/change", webhooks.change),
    path("account/webhooks/<int:key>/secret", webhooks.renew),
    path("account/webhooks/<int:key>/test", webhooks.test),
    path("account/webhooks/<int:key>/delete", webhooks.delete),
    path("account/webhooks/<int:key>/deliveries/<int:delivery>/again", webhooks.again),
    path("account/profile", belongings.profile),
    path("account/export", belongings.export),
    path("account/delete", belongings.leave),
    path("account/left", belongings.left),
    path("account/blocked", belongings.blocked),
    path("account/link", inviting.by_session),
    path("account/token/<str:token>", inviting.by_token),
    path("readers/<stem:username>/block", belongings.block),
    path("readers/<stem:username>/comments", belongings.comments),
    path("readers/<str:name>", belongings.reader),
    *joining.addresses(),
]

# What readers say and keep.
_COMMUNITY = [
    path("talk/preview", talk.preview),
    path("talk/<path:spelling>.<feed:form>", feeds.talk),
    path("talk/<path:spelling>", talk.talk),
    path("comments/<int:key>", talk.comment),
    path("comments/<int:key>/history", talk.history),
    path("comments/<int:key>/reply", talk.reply),
    path("comments/<int:key>/edit", talk.edit),
    path("comments/<int:key>/withdraw", talk.withdraw),
    path("comments/<int:key>/restore", talk.restore),
    path("comments/<int:key>/react", talk.react),
    path("comments/<int:key>/report", talk.report),
    path("report/<path:spelling>", talk.report_paper),
    path("notices", talk.heard),
    path("notices/seen", talk.seen),
    path("notices/mail", talk.by_mail),
    path("notices/stop/<str:token>", stopping.stop),
    path("mark", library.mark),
    path("opened", library.opened),
    path("library/import", importing.bring),
    path("library/imports/<int:key>", importing.one),
    path("library/imports/<int:key>/undo", importing.undo),
    path("library", library.library),
    path("library.<whole:form>", library.file),
    path("library/read", library.library, {"kind": "read"}),
    path("library/read.<whole:form>", library.file, {"kind": "read"}),
    path("library/not-interested", library.library, {"kind": "refused"}),
    path("library/not-interested.<whole:form>", library.file, {"kind": "refused"}),
    path("collections", collecting.collections),
    path("collections/<int:key>.<feed:form>", feeds.collection),
    path("collections/<int:key>.<whole:form>", collecting.file),
    path("collections/<int:key>/<secret:secret>.<feed:form>", feeds.collection),
    path("collections/<int:key>/<secret:secret>.<whole:form>", collecting.file),
    path("collections/<int:key>", collecting.collection),
    path("collections/<int:key>/<secret:secret>", collecting.collection),
    path("collections/<int:key>/change", collecting.change),
    path("collections/<int:key>/delete", collecting.delete),
    path("collections/<int:key>/link", collecting.renew),
    path("collections/<int:key>/put", collecting.put),
    path("collections/<int:key>/take-out", collecting.take_out),
    path("collections/<int:key>/move", collecting.move),
    path("follow", following.follow),
    path("following", following.news),
    path("following/feed", following.renew),
    path("following/<feedsecret:secret>.<feed:form>", feeds.following),
    path("organization/<path:name>.<feed:form>", feeds.organization),
    path("organization/<path:name>", following.organization),
    path("readers/<stem:username>.<feed:form>", feeds.reader),
    path("submit", submitting.submit),
    path("submissions", submitting.submissions),
    path("submissions/<int:key>", submitting.submission),
    path("claim/<int:key>/withdraw", claiming.withdraw),
    path("claim/<int:key>/note", claiming.note),
    path("claim/<int:key>/link", claiming.link),
    path("claim/<int:key>/unlink", claiming.unlink),
    path("claim/<path:spelling>", claiming.claim),
]

# What curators do, and the log that everybody may read.
_MODERATION = [
    path("moderation", moderating.desk),
    path("moderation/votes", judging.votes),
    path("moderation/votes/take-back", judging.take_back),
    path("moderation/log", moderating.log),
    path("moderation/log/<int:key>/undo", moderating.undo),
    path("moderation/rules", moderating.rules),
    path("moderation/papers/<path:spelling>", moderating.paper),
    path("moderation/hide", moderating.hide),
    path("moderation/lock", moderating.lock),
    path("moderation/move", moderating.move),
    path("moderation/merge", moderating.merge),
    path("moderation/comments/<int:key>", moderating.comment),
    path("moderation/readers/<stem:username>", moderating.reader),
    path("moderation/readers/<stem:username>/role", moderating.role),
    path("moderation/reports/<int:key>/dismiss", moderating.dismiss),
    path("moderation/submissions/<int:key>", moderating.submission),
    path("moderation/claims/<int:key>", moderating.claim),
]

# Mail: the form, and what the links in mail open.
_MAIL = [
    path("subscribe", subscribing.subscribe),
    path("subscribe/preview", subscribing.preview),
    path("mail/events/<provider>", mail_events.event),
    path("subscription/confirm/<token>", subscribing.confirm),
    path("subscription/manage/<token>", subscribing.manage),
    path("subscription/unsubscribe/<token>", subscribing.unsubscribe),
]

urlpatterns = [
    *_COMMUNITY,
    *_MODERATION,
    path("admin/", admin.site.urls),
    path("admin", RedirectView.as_view(url="/admin/")),
    *_ACCOUNT,
    *dialects,
    path("", listings.newest),
    *_listings(),
    path("papers/<path:spelling>/upvote", voting.upvote),
    path("papers/<path:spelling>/take-back", voting.take_back),
    path("papers/<path:spelling>", papers.paper),
    path("author/<path:slug>.<feed:form>", feeds.author),
    path("author/<path:slug>", authors.author),
    *_SEARCH,
    path("calendar", listings.calendar),
    *_MAIL,
    path("subscribe.opml", guide.subscriptions),
    path("about", guide.about),
    path("keys", guide.keys),
    path("settings", guide.settings),
    path("unapi", papers.unapi),
    path("opensearch.xml", searching.description),
    path("robots.txt", wayfinding.robots),
    path("sitemap.xml", wayfinding.sitemap),
    path("favicon.svg", wayfinding.icon),
    path("favicon.ico", wayfinding.icon),
    path("health", health.health),
    path("sources", sources.sources),
]

handler400 = errors.bad_request
handler403 = errors.permission_denied
handler404 = errors.not_found
handler500 = errors.broken
