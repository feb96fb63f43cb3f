"""Studies: one folder a paper, each with a frozen Config and ``run(config) -> Dataset``."""
