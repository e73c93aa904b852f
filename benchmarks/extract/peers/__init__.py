"""The peers, each a program that runs in an environment of its own (`.venv-bench`, see ../requirements.txt).

None of them imports fieldwise. `work.py` says how the harness talks with them.
"""
