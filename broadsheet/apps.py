"""Django's name for this package."""

from django.apps import AppConfig


class BroadsheetConfig(AppConfig):
    name = "broadsheet"
    verbose_name = "Broadsheet"
    default_auto_field = "django.db.models.BigAutoField"
