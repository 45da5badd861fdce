"""The dialects: each file speaks the language of one kind of client, over the same verbs that the pages use.

A dialect's foreign field names live in its own file and nowhere else. What all of them share is in
`answers.py`; who refuses in which words is written in the settings (DIALECTS).
"""
