"""V-cycle: a coalesced table is trained quickly, and what it learned goes back into the wide one.

Paper 38 (Multi-Level Framework). The idea: shrink, train the small one, map it back up and blend it with
the large one, train on. Changed: dimensions are coalesced by principal axes, not in pairs; what goes back
is the change.
Options: dimensions (of the small one), blend (how much of its change goes back), and those of contrast.
Symbols: table A float32 [tokens, d], axes Q [d, k], small B = A Q; A becomes A + blend (B' - B) Qᵀ.
"""

from __future__ import annotations

from lab.corpus import Library
from lab.course import Course
from lab.encoder import TableEncoder
from lab.method import Options, method
from lab.methods.contrast import contrast
from lab.methods.structured_pruning import axes


@method("stage", 38)
def v_cycle(encoder: TableEncoder, library: Library, options: Options, course: Course) -> TableEncoder:
    own = ("dimensions", "blend")
    kept = axes(encoder, int(options.get("dimensions", 128)), "v_cycle")
    table = encoder.table.detach()
    small = TableEncoder(table @ kept, encoder.weights)
    rest = {name: value for name, value in options.items() if name not in own}
    trained = contrast(small.copy(), library, rest, course)
    change = (trained.table.detach() - small.table.detach()) @ kept.T
    return TableEncoder(table + float(options.get("blend", 1.0)) * change, encoder.weights)
