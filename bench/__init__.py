"""How fast Broadsheet is: taking papers in, answering pages, starting. `python -m bench --help`.

Everything is measured on the real thing, as a reader or operator meets it: the `broadsheet` command in
processes of its own, on a data folder made for the purpose and removed afterwards, over loopback only.
docs/benchmarks.md says what the numbers mean. Times are seconds or ms, memory is MB (10⁶ bytes).
"""
