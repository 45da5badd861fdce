"""How well Broadsheet ranks and finds, measured on real data: `python -m evals`, or `make evals`.

Nothing here knows a database or a page: it imports the ground floor and the doors.
"""
