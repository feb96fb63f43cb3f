"""Every docstring example runs, and everything public has one."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import jprobe

pytestmark = pytest.mark.quick

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = ["jprobe", *sorted(info.name for info in pkgutil.walk_packages(jprobe.__path__, "jprobe."))]
MODULES.remove("jprobe.__main__")  # importing it runs the command


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """One for all examples: MNIST is decoded once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _own_folders(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("JPROBE_CACHE", str(cache))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.chdir(tmp_path)


def examples(module):
    return [test for test in doctest.DocTestFinder().find(importlib.import_module(module)) if test.examples]


@pytest.mark.end_to_end
@pytest.mark.parametrize("module", [name for name in MODULES if examples(name)])
def test_examples_run(module):
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    report = []
    for test in examples(module):
        runner.run(test, out=report.append)
    assert not runner.failures, "".join(report)


def public():
    """(where, object) for each function and class that a module of jprobe lists in ``__all__``."""
    for name in MODULES:
        module = importlib.import_module(name)
        for attribute in getattr(module, "__all__", ()):
            thing = getattr(module, attribute)
            if inspect.isfunction(thing) or inspect.isclass(thing):
                yield f"{name}.{attribute}", thing


@pytest.mark.parametrize(("where", "thing"), [pytest.param(*row, id=row[0]) for row in public()])
def test_everything_public_has_an_example(where, thing):
    words = inspect.getdoc(thing) or ""
    assert words, f"{where} has no docstring"
    assert ">>>" in words.partition("Example:")[2], f"{where} has no Example"
