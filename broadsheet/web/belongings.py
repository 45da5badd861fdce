"""What of a reader's is seen by others, what can be taken along, and how it is all deleted."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from broadsheet import community, exports, text
from broadsheet.community import blocking, claiming, submitting, talking
from broadsheet.models import (
    Ballot,
    Collection,
    Comment,
    Interest,
    Paper,
    Reader,
    SavedSearch,
    Upvote,
    Webhook,
)
from broadsheet.trending import PageOutOfRange
from broadsheet.web import access, cards, following, links
from broadsheet.web.asked import page_number
from broadsheet.web.context import address, base
from broadsheet.web.limits import DAY, HOUR, MINUTE, Limit
from broadsheet.web.pager import Pager
from broadsheet.web.preferences import look
from broadsheet.web.talk import html_of, plain_title

PAGE = 30
# A later page of somebody's votes than this is nobody's to leaf to.
PAGES_MOST = 100
# What the side of a reader's page names of each kind.
LISTED = 20


# --- the page that others see ----------------------------------------------------------------------------


@require_safe
def reader(request: HttpRequest, name: str) -> HttpResponse:
    """A reader's public page: who it is and, as far as they let it be seen, what they voted for."""
    whom = Reader.objects.filter(username__iexact=name, is_active=True).first()
    if whom is None:
        raise Http404("There is no reader of that name here.")
    if whom.username != name:
        return access.see(whom.get_absolute_url())
    mine = access.reader_of(request)
    own = mine is not None and mine.pk == whom.pk
    known: dict[str, Any] = {"whom": whom, "own": own, "canonical": address(request, whom.get_absolute_url())}
    if not own:
        follow = following.button(mine, "reader", whom.username, whom.username)
        # Somebody's votes are what following shows; where they are private there is nothing to follow.
        known["follow"] = follow if whom.show_votes or follow.on else None
        known["blocked"] = blocking.blocks(mine, whom)
        known["feeds"] = links.feeds(whom.get_absolute_url()) if whom.show_votes else []
    if whom.show_votes or own:
        known |= _votes(request, whom)
    if whom.show_comments or own:
        said = Comment.objects.filter(reader=whom, hidden=False, withdrawn_at=None, paper__hidden=False)
        known["comments"] = said.count()
    known["wrote"] = [
        (claim.paper.get_absolute_url(), plain_title(claim.paper))
        for claim in claiming.claims_of(whom)[:LISTED]
    ]
    known["brought"] = [
        (one.paper.get_absolute_url(), plain_title(one.paper))
        for one in submitting.listed_of(whom, LISTED)
        if one.paper
    ]
    if whom.show_collections or own:
        public = Collection.objects.filter(reader=whom, visibility="public")
        known["collections"] = list(public.order_by("-pk")[:20])
        known["interests"] = list(Interest.objects.filter(reader=whom, visibility="public")[:20])
    return render(request, "reader.html", known)


@require_safe
def comments(request: HttpRequest, username: str) -> HttpResponse:
    """What a reader has said that everybody may read, the newest first, if they let it be listed."""
    whom = Reader.objects.filter(username__iexact=username, is_active=True).first()
    mine = access.reader_of(request)
    if whom is None or not (whom.show_comments or (mine is not None and mine.pk == whom.pk)):
        raise Http404("There is no such list, or it is kept private.")
    if whom.username != username:
        return access.see(f"{whom.get_absolute_url()}/comments")
    rows = talking.comments_by(whom)
    total = rows.count()
    page, pages = page_number(request), min(PAGES_MOST, max(1, -(-total // PAGE)))
    if page > pages:
        raise PageOutOfRange(pages)
    found = list(rows[(page - 1) * PAGE : page * PAGE])
    names = talking.known_names([name for one in found for name in talking.named(one.text)])
    path = f"{whom.get_absolute_url()}/comments"
    known = {
        "whom": whom,
        "rows": [(one, plain_title(one.paper), html_of(one.text, names)) for one in found],
        "pager": Pager(path, "", page, pages, total),
        "total": total,
        "canonical": address(request, path),
    }
    return render(request, "community/said_by.html", known)


def _votes(request: HttpRequest, whom: Reader) -> dict[str, Any]:
    votes = Upvote.objects.filter(reader=whom, paper__hidden=False)
    total = votes.count()
    page, pages = page_number(request), min(PAGES_MOST, max(1, -(-total // PAGE)))
    if page > pages:
        raise PageOutOfRange(pages)
    keys = list(
        votes.order_by("-created_at", "-pk").values_list("paper", flat=True)[(page - 1) * PAGE : page * PAGE]
    )
    found = Paper.objects.cards().in_bulk(keys)
    pager = Pager(whom.get_absolute_url(), "", page, pages, total)
    return {
        "cards": cards.of_papers([found[key] for key in keys if key in found], look(request).lines),
        "pager": pager,
        "path": "/papers/all",
        "total": total,
        "shown": pager.shown,
        "start": pager.start,
    }


@access.acts("block", Limit(300, HOUR), back="/account/blocked")
def block(request: HttpRequest, username: str) -> HttpResponse:
    """Blocks a reader, or with `on=0` hears of them again."""
    mine = access.demand_reader(request)
    if request.POST.get("on") == "0":
        blocking.unblock(mine, username)
        messages.success(request, f"You hear of {text.plain_line(username[:64])} again.")
    else:
        whom = blocking.block(mine, username).blocked
        messages.success(request, f"You hear no more of {whom.username}. They are not told.")
    return access.see(access.came_from(request, "/account/blocked"))


@require_safe
def blocked(request: HttpRequest) -> HttpResponse:
    """Whom the reader blocks."""
    known = {"people": blocking.blocked(access.demand_reader(request))}
    return render(request, "account/blocked.html", known)


class Profile(forms.ModelForm):  # type: ignore[type-arg] # Django's own forms take no type
    """What a reader says of themselves, and who may see what."""

    class Meta:
        model = Reader
        fields = ["name", "about", "show_votes", "show_comments", "show_collections"]
        labels = {
            "name": "Name, as you want it shown",
            "about": "A few words about you",
            "show_votes": "Others may see what I voted for",
            "show_comments": "Others may see my comments in one list",
            "show_collections": "Others may see my public collections in one list",
        }
        widgets = {"about": forms.Textarea(attrs={"rows": 3})}


@access.acts("profile", Limit(60, HOUR), reads=True)
def profile(request: HttpRequest) -> HttpResponse:
    form = Profile(request.POST or None, instance=access.demand_reader(request))
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Saved.")
        return access.see("/account")
    return render(request, "account/profile.html", {"form": form})


# --- everything in one file ------------------------------------------------------------------------------


@access.acts("export", Limit(10, HOUR))
def export(request: HttpRequest) -> HttpResponse:
    """Everything that the account owns: JSON, and BibTeX of the papers. Nothing of anybody else's."""
    mine = access.demand_reader(request)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, told in everything(mine).items():
            archive.writestr(f"{name}.json", json.dumps(told, ensure_ascii=False, indent=1))
        marks = {"saved": mine.marks.filter(kind="saved"), "upvoted": mine.upvotes.all()}
        for name, rows in marks.items():
            papers = Paper.objects.filter(pk__in=rows.values("paper")).prefetch_related("aliases")
            archive.writestr(f"{name}.bib", "".join(exports.bibtex(papers.order_by("pk"), base(request))))
    response = HttpResponse(made.getvalue(), content_type="application/zip")
    response.headers["Content-Disposition"] = f'attachment; filename="broadsheet-{mine.username}.zip"'
    return response


def everything(mine: Reader) -> dict[str, Any]:
    """By file: the account, its votes with their log, its searches, and what the community keeps of it."""

    def rows(found: Any, **named: str) -> list[dict[str, Any]]:
        return [
            {word: _plain(value) for word, value in zip(named, values, strict=True)}
            for values in found.order_by("pk").values_list(*named.values())
        ]

    return {
        "account": {
            "username": mine.username,
            "name": mine.name,
            "about": mine.about,
            "email": mine.email,
            "role": mine.role,
            "joined_at": _plain(mine.joined_at),
            "last_login": _plain(mine.last_login),
            "votes_count": mine.social,
            "shown": {
                "votes": mine.show_votes,
                "comments": mine.show_comments,
                "collections": mine.show_collections,
            },
            "addresses": rows(EmailAddress.objects.filter(user=mine), email="email", verified="verified"),
            "elsewhere": rows(
                SocialAccount.objects.filter(user=mine), site="provider", id="uid", since="date_joined"
            ),
            "passkeys": rows(Authenticator.objects.filter(user=mine), kind="type", since="created_at"),
            "sessions": rows(mine.sessions.all(), since="started_at", until="expire_date"),
            "webhooks": rows(
                Webhook.objects.filter(reader=mine), to="url", query="query", state="state", since="made_at"
            ),
            "keys": rows(mine.api_keys.all(), name="name", scopes="scopes", since="made_at", used="used_at"),
        },
        "votes": rows(mine.upvotes.all(), paper="paper__identifier", at="created_at", weight="weight"),
        "vote-log": rows(
            Ballot.objects.filter(reader=mine.pk), at="at", paper="paper", step="step", cause="cause"
        ),
        "searches": rows(
            SavedSearch.objects.filter(reader=mine), name="name", query="query", at="created_at"
        ),
        **community.everything_of(mine),
    }


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


# --- the end ---------------------------------------------------------------------------------------------


class Leaving(forms.Form):
    """Asks for the password, or where there is none for the name, before everything is deleted."""

    def __init__(self, reader: Reader, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reader = reader
        if reader.has_usable_password():
            self.fields["proof"] = forms.CharField(
                label="Your password",
                max_length=1000,
                strip=False,
                widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
            )
        else:
            self.fields["proof"] = forms.CharField(label="Your name here, once more", max_length=64)

    def clean_proof(self) -> str:
        said: str = self.cleaned_data["proof"]
        if self.reader.has_usable_password():
            if not self.reader.check_password(said):
                raise forms.ValidationError("That is not your password. Nothing was deleted.")
        elif said.strip() != self.reader.username:
            raise forms.ValidationError("That is not your name here. Nothing was deleted.")
        return said


@access.acts("delete account", Limit(5, HOUR), Limit(20, DAY), Limit(60, 10 * MINUTE, "address"), reads=True)
def leave(request: HttpRequest) -> HttpResponse:
    mine = Reader.objects.get(pk=access.demand_reader(request).pk)
    form = Leaving(mine, request.POST or None)
    if request.method == "POST" and form.is_valid():
        community.delete(mine)
        logout(request)
        return access.see("/account/left")
    return render(request, "account/leave.html", {"form": form, "now": timezone.now()})


@require_safe
def left(request: HttpRequest) -> HttpResponse:
    return render(request, "account/left.html")
