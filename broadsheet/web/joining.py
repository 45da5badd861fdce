"""Joining and coming back: sign-up, sign-in, passwords, codes, passkeys and other sites' accounts.

django-allauth does the work. Here stands where its pages live, how often each may be tried, and what it is to
do as the rest of the house does.
"""

from __future__ import annotations

from typing import Any, Final

from allauth.account import views as account
from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.base import views as factors
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.webauthn import views as passkeys
from allauth.socialaccount import views as elsewhere
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.github import views as github
from allauth.socialaccount.providers.google import views as google
from allauth.socialaccount.providers.openid_connect import views as openid
from allauth.socialaccount.providers.orcid import views as orcid
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import make_password
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import URLPattern, path

from broadsheet.models import Reader
from broadsheet.web import access, limits, sessions
from broadsheet.web.limits import HOUR, MINUTE, Limit

# Enough for a whole laboratory behind one address on its first morning, too little for a list of passwords.
TRY: Final = (Limit(60, 10 * MINUTE), Limit(300, HOUR, "address"))
# Whatever sends a mail to an address that somebody typed.
MAIL: Final = (Limit(10, HOUR), Limit(30, HOUR, "address"))
# One name or address at one place, and from everywhere.
GUESSES: Final = (Limit(10, 15 * MINUTE, "address"), Limit(100, HOUR))

# What allauth would say on the next page and ours shows anyway.
_UNSAID = ("account/messages/logged_in.txt", "account/messages/logged_out.txt")


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Where allauth asks how this house does it."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.SIGN_UP_IS_OPEN)

    def is_safe_url(self, url: str | None) -> bool:
        return access.is_ours(url or "")

    def get_client_ip(self, request: HttpRequest) -> str:
        return limits.address_of(request)

    def add_message(
        self, request: HttpRequest, level: int, message_template: Any = None, *args: Any, **kwargs: Any
    ) -> None:
        if message_template not in _UNSAID:
            super().add_message(request, level, message_template, *args, **kwargs)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Counts a try at a name. Whether the name exists makes no difference."""
        name = str(credentials.get("email") or credentials.get("username") or "").strip().lower()
        where = f"{name} {limits.place_of(request)}"
        limits.spend("sign-in as", GUESSES, name, where)

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        # Argon2 works on every byte it is given.
        if len(str(credentials.get("password", ""))) > LONGEST_PASSWORD:
            credentials["password"] = ""
        # allauth would try an address as a name too, and so hash twice for an address that has an account.
        if credentials.get("email"):
            credentials.pop("username", None)
        found: AbstractBaseUser | None = super().authenticate(request, **credentials)
        return found

    def set_password(self, user: AbstractBaseUser, password: str) -> None:
        """A new password ends every session that the old one opened."""
        super().set_password(user, password)
        if isinstance(user, Reader) and user.pk:
            sessions.end_others(user, self.request)

    def send_account_already_exists_mail(self, email: str) -> None:
        """A new account costs one hashed password, so the answer for an address that has one does too."""
        make_password(email)
        super().send_account_already_exists_mail(email)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        if settings.MAIL_IS_CONFIGURED:
            super().send_mail(template_prefix, email, context | {"site_name": settings.SITE_NAME})


class ElsewhereAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """The same for accounts at other sites."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return bool(settings.SIGN_UP_IS_OPEN)


LONGEST_PASSWORD: Final = 1_000


def providers() -> list[tuple[str, str]]:
    """(address of its sign-in, name) of every other site whose keys are given."""
    known = settings.SOCIALACCOUNT_PROVIDERS
    names = {"github": "GitHub", "google": "Google", "orcid": "ORCID"}
    found = [(f"/account/with/{key}", name) for key, name in names.items() if key in known]
    if "openid_connect" in known:
        found.append(("/account/with/huggingface", "Hugging Face"))
    return found


def _view(name: str, view: Any, *often: Limit, by: access.Who = "anyone", **more: Any) -> Any:
    """One of allauth's views, counted and noted under `name`."""

    def asked(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        try:
            response: HttpResponseBase = view(request, **kwargs, **more)
        except SocialApp.DoesNotExist:
            raise Http404("This server does not know that site's accounts.") from None
        response.headers["Cache-Control"] = "private, no-store"
        return response

    return access.acts(name, *(often or TRY), by=by, reads=True)(asked)


def addresses() -> list[URLPattern]:
    """Every page of allauth that we offer, at an address of ours, under the name that allauth knows it by."""
    return [
        path("account/sign-in", _view("sign-in", account.login), name="account_login"),
        path("account/sign-out", _view("sign-out", account.logout), name="account_logout"),
        path(
            "account/sign-up",
            _view("sign-up", account.signup, Limit(20, HOUR), Limit(60, HOUR, "address")),
            name="account_signup",
        ),
        path("account/inactive", _view("inactive", account.account_inactive), name="account_inactive"),
        path("account/again", _view("sign-in again", account.reauthenticate), name="account_reauthenticate"),
        path("account/email", _view("e-mail", account.email, *MAIL, by="reader"), name="account_email"),
        path(
            "account/email/confirm",
            _view("confirm e-mail", account.email_verification_sent),
            name="account_email_verification_sent",
        ),
        path(
            "account/email/confirm/<str:key>",
            _view("confirm e-mail by link", account.confirm_email),
            name="account_confirm_email",
        ),
        path(
            "account/password",
            _view("change password", account.password_change, by="reader"),
            name="account_change_password",
        ),
        path(
            "account/password/set",
            _view("set password", account.password_set, by="reader"),
            name="account_set_password",
        ),
        path(
            "account/password/forgotten",
            _view("forgotten password", account.password_reset, *MAIL),
            name="account_reset_password",
        ),
        path(
            "account/password/code",
            _view("password code", account.confirm_password_reset_code),
            name="account_confirm_password_reset_code",
        ),
        path(
            "account/password/new",
            _view("new password", account.complete_password_reset),
            name="account_complete_password_reset",
        ),
        path(
            "account/password/done",
            _view("password done", account.password_reset_from_key_done),
            name="account_password_reset_completed",
        ),
        path(
            "account/code",
            _view("sign-in code", account.request_login_code, *MAIL),
            name="account_request_login_code",
        ),
        path(
            "account/code/confirm",
            _view("confirm sign-in code", account.confirm_login_code),
            name="account_confirm_login_code",
        ),
        # Passkeys, and the codes that help when a device is lost.
        path("account/security", _view("security", factors.index, by="reader"), name="mfa_index"),
        path("account/second", _view("second factor", factors.authenticate), name="mfa_authenticate"),
        path(
            "account/second/again",
            _view("second factor again", factors.reauthenticate, by="reader"),
            name="mfa_reauthenticate",
        ),
        path(
            "account/passkeys",
            _view("passkeys", passkeys.list_webauthn, by="reader"),
            name="mfa_list_webauthn",
        ),
        path(
            "account/passkeys/add",
            _view("add passkey", passkeys.add_webauthn, by="reader"),
            name="mfa_add_webauthn",
        ),
        path(
            "account/passkeys/sign-in",
            _view("passkey sign-in", passkeys.login_webauthn),
            name="mfa_login_webauthn",
        ),
        path(
            "account/passkeys/again",
            _view("passkey again", passkeys.reauthenticate_webauthn, by="reader"),
            name="mfa_reauthenticate_webauthn",
        ),
        path(
            "account/passkeys/<int:pk>/remove",
            _view("remove passkey", passkeys.remove_webauthn, by="reader"),
            name="mfa_remove_webauthn",
        ),
        path(
            "account/passkeys/<int:pk>/name",
            _view("name passkey", passkeys.edit_webauthn, by="reader"),
            name="mfa_edit_webauthn",
        ),
        path(
            "account/recovery",
            _view("recovery codes", recovery.view_recovery_codes, by="reader"),
            name="mfa_view_recovery_codes",
        ),
        path(
            "account/recovery/new",
            _view("new recovery codes", recovery.generate_recovery_codes, by="reader"),
            name="mfa_generate_recovery_codes",
        ),
        path(
            "account/recovery/file",
            _view("recovery codes file", recovery.download_recovery_codes, by="reader"),
            name="mfa_download_recovery_codes",
        ),
        # Other sites' accounts. The first two addresses of each are what one registers there.
        path("account/with/github", _view("GitHub", github.oauth2_login), name="github_login"),
        path(
            "account/with/github/back",
            _view("back from GitHub", github.oauth2_callback),
            name="github_callback",
        ),
        path("account/with/google", _view("Google", google.oauth2_login), name="google_login"),
        path(
            "account/with/google/back",
            _view("back from Google", google.oauth2_callback),
            name="google_callback",
        ),
        path("account/with/orcid", _view("ORCID", orcid.oauth2_login), name="orcid_login"),
        path("account/with/orcid/back", _view("ORCID back", orcid.oauth2_callback), name="orcid_callback"),
        path("account/with/<slug:provider_id>", _view("OpenID", openid.login), name="openid_connect_login"),
        path(
            "account/with/<slug:provider_id>/back",
            _view("OpenID back", openid.callback),
            name="openid_connect_callback",
        ),
        path(
            "account/elsewhere",
            _view("accounts elsewhere", elsewhere.connections, by="reader"),
            name="socialaccount_connections",
        ),
        path(
            "account/elsewhere/join",
            _view("join from elsewhere", elsewhere.signup),
            name="socialaccount_signup",
        ),
        path(
            "account/elsewhere/cancelled",
            _view("cancelled elsewhere", elsewhere.login_cancelled),
            name="socialaccount_login_cancelled",
        ),
        path(
            "account/elsewhere/failed",
            _view("failed elsewhere", elsewhere.login_error),
            name="socialaccount_login_error",
        ),
    ]
