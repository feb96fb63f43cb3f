"""Studies: one file a paper, each with a frozen Config and ``run(config) -> Dataset``."""
