"""How well Broadsheet ranks and finds, measured on real data: `python -m evals`, or `make evals`.

Nothing here asks a database or a page: it imports the ground floor, the doors, and the learner of tastes.
"""

import os

import django

# The learner's room imports tables, so Django must know where it is; no evaluation asks a database.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "broadsheet.config.settings")
django.setup()
