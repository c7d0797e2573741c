"""The notebooks keep the rules of the house; and the rules see what breaks them."""

from lab import lint, notebooks


def test_notebooks_keep_the_rules():
    findings = [finding for path in notebooks.find(None) for finding in lint.check(path)]
    assert not findings, "\n".join(findings)
