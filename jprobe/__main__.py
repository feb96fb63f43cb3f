"""``python -m jprobe`` is the command ``jprobe``."""

from jprobe.cli import main

main()
