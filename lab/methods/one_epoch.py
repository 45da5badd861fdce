"""One epoch: every text once, rather than some of them often.

Paper 79 (One Epoch Is All You Need). The idea: with the same number of steps, fresh texts teach more than
repeated ones. Nothing is added for it: the recipe that is compared gives `papers` so small that each is seen
four times, and the baseline is the method.
"""

from __future__ import annotations

from lab.method import method
from lab.methods.shuffled import shuffled

one_epoch = method("order", 79)(shuffled)
