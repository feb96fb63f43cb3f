"""The one runner of all studies.

``running.py`` starts a run, ``working.py`` computes its parts, some at a time (``side_by_side.py``), ``folder.py`` keeps them.
``sharing.py`` has several processes share a run, as ``dealing.py`` deals its parts. ``compiled.py`` keeps compiled programs.
``pace.py`` tells the time left; ``planning.py`` tells before a run what it would take, from a measurement of this machine
(``speed.py``) or the data sheets of others (``devices.py``).
"""
