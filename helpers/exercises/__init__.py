"""The exercises: one module a notebook, `ex00` for notebook 00. How to add one: CONTRIBUTING.md."""
